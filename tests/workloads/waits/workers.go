// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// counter counts the waits of one kind of worker.
type counter struct {
	name  string
	value atomic.Uint64
}

func (c *counter) add() { c.value.Add(1) }

// workers are the goroutines of one run and what they share.
type workers struct {
	stopping atomic.Bool
	group    sync.WaitGroup
	created  atomic.Uint64
	counters []*counter

	pipeIn, pipeOut *os.File
	heap            [heapSlots][]byte
	sum             atomic.Uint64
}

const (
	heapSlots = 256
	heapBytes = 32 << 10
	burst     = 40 * time.Microsecond // what a yielder computes at a time
	yielders  = 4
)

func newWorkers() (*workers, error) {
	w := &workers{}
	var err error
	// Both ends of an os.Pipe are in the network poller.
	w.pipeOut, w.pipeIn, err = os.Pipe()
	return w, err
}

// spawn is where each goroutine is made that lives as long as the run.
func (w *workers) spawn(name string, body func(*workers, *counter)) {
	c := &counter{name: name}
	w.counters = append(w.counters, c)
	w.group.Add(1)
	w.created.Add(1)
	go func() {
		defer w.group.Done()
		body(w, c)
	}()
}

func (w *workers) counts() map[string]uint64 {
	counts := map[string]uint64{}
	for _, c := range w.counters {
		counts[c.name] += c.value.Load()
	}
	return counts
}

func (w *workers) run(duration time.Duration) {
	var (
		mutex   sync.Mutex
		rwMutex sync.RWMutex
		cond    = newSignal()
		numbers = make(chan int)
		slow    = make(chan int)
		left    = make(chan int)
		right   = make(chan int)
	)
	w.spawn("mutexHolder", func(w *workers, c *counter) { mutexHolder(w, c, &mutex) })
	w.spawn("mutexWaiter", func(w *workers, c *counter) { mutexWaiter(w, c, &mutex) })
	w.spawn("rwHolder", func(w *workers, c *counter) { rwHolder(w, c, &rwMutex) })
	w.spawn("rwReader", func(w *workers, c *counter) { rwReader(w, c, &rwMutex) })
	w.spawn("channelFeeder", func(w *workers, c *counter) { channelFeeder(w, c, numbers) })
	w.spawn("channelReceiver", func(w *workers, c *counter) { channelReceiver(c, numbers) })
	w.spawn("channelSender", func(w *workers, c *counter) { channelSender(w, c, slow) })
	w.spawn("channelDrainer", func(w *workers, c *counter) { channelDrainer(c, slow) })
	w.spawn("selectFeeder", func(w *workers, c *counter) { selectFeeder(w, c, left, right) })
	w.spawn("selecter", func(w *workers, c *counter) { selecter(c, left, right) })
	w.spawn("condSignaller", func(w *workers, c *counter) { condSignaller(w, c, cond) })
	w.spawn("condWaiter", func(w *workers, c *counter) { condWaiter(c, cond) })
	w.spawn("pipeFeeder", pipeFeeder)
	w.spawn("pipeReader", pipeReader)
	w.spawn("sleeper", sleeper)
	w.spawn("groupWaiter", groupWaiter)
	w.spawn("spawner", spawner)
	w.spawn("allocator", allocator)
	w.spawn("burner", burner)
	w.spawn("syscaller", syscaller)
	w.spawn("syscaller", syscaller)
	for i := 0; i < yielders; i++ {
		w.spawn("yielder", yielder)
	}
	time.Sleep(duration)
	w.stopping.Store(true)
	w.group.Wait()
}

// compute keeps a processor busy for about as long as asked.
func (w *workers) compute(duration time.Duration) {
	var sum uint64
	for start := time.Now(); time.Since(start) < duration; {
		for i := uint64(0); i < 500; i++ {
			sum = sum*6364136223846793005 + i
		}
	}
	w.sum.Store(sum)
}

// mutexHolder holds the mutex for 20 ms at a time.
//
//go:noinline
func mutexHolder(w *workers, c *counter, mutex *sync.Mutex) {
	for !w.stopping.Load() {
		mutex.Lock()
		time.Sleep(20 * time.Millisecond)
		mutex.Unlock()
		c.add()
		time.Sleep(2 * time.Millisecond)
	}
}

// mutexWaiter waits for the holder.
//
//go:noinline
func mutexWaiter(w *workers, c *counter, mutex *sync.Mutex) {
	for !w.stopping.Load() {
		mutex.Lock()
		c.add()
		mutex.Unlock()
		time.Sleep(4 * time.Millisecond)
	}
}

//go:noinline
func rwHolder(w *workers, c *counter, mutex *sync.RWMutex) {
	for !w.stopping.Load() {
		mutex.Lock()
		time.Sleep(8 * time.Millisecond)
		mutex.Unlock()
		c.add()
		time.Sleep(2 * time.Millisecond)
	}
}

//go:noinline
func rwReader(w *workers, c *counter, mutex *sync.RWMutex) {
	for !w.stopping.Load() {
		mutex.RLock()
		c.add()
		mutex.RUnlock()
		time.Sleep(3 * time.Millisecond)
	}
}

//go:noinline
func channelFeeder(w *workers, c *counter, numbers chan<- int) {
	for !w.stopping.Load() {
		time.Sleep(5 * time.Millisecond)
		numbers <- 1
		c.add()
	}
	close(numbers)
}

// channelReceiver waits 5 ms for each number.
//
//go:noinline
func channelReceiver(c *counter, numbers <-chan int) {
	for range numbers {
		c.add()
	}
}

// channelSender waits 4 ms until each number is taken.
//
//go:noinline
func channelSender(w *workers, c *counter, slow chan<- int) {
	for !w.stopping.Load() {
		slow <- 1
		c.add()
	}
	close(slow)
}

//go:noinline
func channelDrainer(c *counter, slow <-chan int) {
	for range slow {
		c.add()
		time.Sleep(4 * time.Millisecond)
	}
}

//go:noinline
func selectFeeder(w *workers, c *counter, left, right chan<- int) {
	for !w.stopping.Load() {
		time.Sleep(2 * time.Millisecond)
		left <- 1
		time.Sleep(2 * time.Millisecond)
		right <- 1
		c.add()
	}
	close(left)
}

//go:noinline
func selecter(c *counter, left, right <-chan int) {
	for {
		select {
		case _, open := <-left:
			if !open {
				return
			}
		case <-right:
		}
		c.add()
	}
}

// signal is a condition with something to wait for.
type signal struct {
	*sync.Cond
	raised, closed bool
}

func newSignal() *signal {
	return &signal{Cond: sync.NewCond(&sync.Mutex{})}
}

//go:noinline
func condSignaller(w *workers, c *counter, s *signal) {
	for !w.stopping.Load() {
		time.Sleep(6 * time.Millisecond)
		s.L.Lock()
		s.raised = true
		s.L.Unlock()
		s.Signal()
		c.add()
	}
	s.L.Lock()
	s.closed = true
	s.L.Unlock()
	s.Signal()
}

//go:noinline
func condWaiter(c *counter, s *signal) {
	s.L.Lock()
	defer s.L.Unlock()
	for !s.closed {
		for !s.raised && !s.closed {
			s.Wait()
			c.add()
		}
		s.raised = false
	}
}

//go:noinline
func pipeFeeder(w *workers, c *counter) {
	defer w.pipeIn.Close()
	for !w.stopping.Load() {
		time.Sleep(3 * time.Millisecond)
		if _, err := w.pipeIn.Write([]byte{'x'}); err != nil {
			return
		}
		c.add()
	}
}

// pipeReader waits in the network poller, 3 ms at a time.
//
//go:noinline
func pipeReader(w *workers, c *counter) {
	defer w.pipeOut.Close()
	buffer := make([]byte, 64)
	for {
		if _, err := w.pipeOut.Read(buffer); err != nil {
			return
		}
		c.add()
	}
}

//go:noinline
func sleeper(w *workers, c *counter) {
	for !w.stopping.Load() {
		time.Sleep(time.Millisecond)
		c.add()
	}
}

// groupWaiter waits for children that sleep for 7 ms.
//
//go:noinline
func groupWaiter(w *workers, c *counter) {
	for !w.stopping.Load() {
		var group sync.WaitGroup
		for i := 0; i < 3; i++ {
			group.Add(1)
			w.created.Add(1)
			go groupChild(&group)
		}
		group.Wait()
		c.add()
	}
}

//go:noinline
func groupChild(group *sync.WaitGroup) {
	time.Sleep(7 * time.Millisecond)
	group.Done()
}

// spawner makes short-lived goroutines.
//
//go:noinline
func spawner(w *workers, c *counter) {
	for !w.stopping.Load() {
		for i := 0; i < 20; i++ {
			w.group.Add(1)
			w.created.Add(1)
			go spawned(w, c)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

//go:noinline
func spawned(w *workers, c *counter) {
	w.compute(5 * time.Microsecond)
	c.add()
	w.group.Done()
}

// allocator has the collector run several times a second.
//
//go:noinline
func allocator(w *workers, c *counter) {
	for i := 0; !w.stopping.Load(); i++ {
		w.heap[i%heapSlots] = make([]byte, heapBytes)
		c.add()
		if i%16 == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// burner runs three times as long as the scheduler lets a goroutine run (10 ms).
//
//go:noinline
func burner(w *workers, c *counter) {
	for !w.stopping.Load() {
		w.compute(30 * time.Millisecond)
		c.add()
		time.Sleep(100 * time.Millisecond)
	}
}

// yielder keeps the processors busy and everybody else waiting for them.
//
//go:noinline
func yielder(w *workers, c *counter) {
	for !w.stopping.Load() {
		w.compute(burst)
		c.add()
		runtime.Gosched()
	}
}

// syscaller blocks in the kernel, without the runtime's help, so long that it loses its processor.
//
//go:noinline
func syscaller(w *workers, c *counter) {
	pause := syscall.NsecToTimespec((2 * time.Millisecond).Nanoseconds())
	for !w.stopping.Load() {
		// EINTR only shortens the pause: Go interrupts threads to preempt goroutines.
		_ = syscall.Nanosleep(&pause, nil)
		c.add()
	}
}
