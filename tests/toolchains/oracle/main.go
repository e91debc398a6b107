// SPDX-License-Identifier: Apache-2.0

// oracle says what Go's own packages read out of an executable and of the runtime's source, in the
// words of `layout` (layout.c), so that the two can be compared line by line.
//
//	oracle layout EXECUTABLE     offsets of the runtime's fields, by debug/dwarf
//	oracle reasons GOROOT        numbers and names of the wait and stop reasons, by go/parser
//	oracle funcs EXECUTABLE      functions with entry, end, and file:line of the entry, by debug/gosym
package main

import (
	"debug/dwarf"
	"debug/elf"
	"debug/gosym"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func structs(path string) map[string]*dwarf.StructType {
	file, err := elf.Open(path)
	check(err)
	defer file.Close()
	data, err := file.DWARF()
	check(err)
	found := map[string]*dwarf.StructType{}
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		check(err)
		if entry == nil {
			return found
		}
		if entry.Tag != dwarf.TagStructType {
			continue
		}
		switch name, _ := entry.Val(dwarf.AttrName).(string); name {
		case "runtime.g", "runtime.gobuf", "runtime.stack", "runtime.pollDesc":
			typ, err := data.Type(entry.Offset)
			check(err)
			found[name] = typ.(*dwarf.StructType)
		}
	}
}

func offset(types map[string]*dwarf.StructType, typ, field string) int64 {
	if types[typ] == nil {
		check(fmt.Errorf("no DWARF of %s", typ))
	}
	for _, f := range types[typ].Field {
		if f.Name == field {
			return f.ByteOffset
		}
	}
	check(fmt.Errorf("%s has no %s", typ, field))
	return 0
}

func layout(path string) {
	types := structs(path)
	for _, field := range []string{"goid", "waitreason", "startpc", "gopc"} {
		fmt.Println("g."+field, offset(types, "runtime.g", field))
	}
	sched := offset(types, "runtime.g", "sched")
	for _, field := range []string{"pc", "sp", "bp"} {
		fmt.Println("g.sched."+field, sched+offset(types, "runtime.gobuf", field))
	}
	fmt.Println("g.stack.lo", offset(types, "runtime.g", "stack")+offset(types, "runtime.stack", "lo"))
	for _, field := range []string{"rg", "wg"} {
		fmt.Println("pollDesc."+field, offset(types, "runtime.pollDesc", field))
	}
}

// numbers returns the constants of the type, counted by iota, in a block that names it first.
func numbers(file *ast.File, typ string) map[string]int {
	found := map[string]int{}
	for _, decl := range file.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		first := block.Specs[0].(*ast.ValueSpec)
		if ident, ok := first.Type.(*ast.Ident); !ok || ident.Name != typ {
			continue
		}
		for i, spec := range block.Specs {
			found[spec.(*ast.ValueSpec).Names[0].Name] = i
		}
	}
	return found
}

func reasons(prefix, path, typ, table string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	check(err)
	number := numbers(file, typ)
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != table {
			return true
		}
		elements := spec.Values[0].(*ast.CompositeLit).Elts
		names := make([]string, len(elements))
		for _, element := range elements {
			pair := element.(*ast.KeyValueExpr)
			text, err := strconv.Unquote(pair.Value.(*ast.BasicLit).Value)
			check(err)
			names[number[pair.Key.(*ast.Ident).Name]] = text
		}
		for i, text := range names {
			fmt.Println(prefix, i, text)
		}
		return false
	})
}

func section(file *elf.File, name string) *elf.Section {
	if found := file.Section(name); found != nil {
		return found
	}
	return file.Section(".data.rel.ro" + name)
}

func funcs(path string) {
	file, err := elf.Open(path)
	check(err)
	defer file.Close()
	data, err := section(file, ".gopclntab").Data()
	check(err)
	// The start of Go's text: C code may stand before it in the section.
	text := file.Section(".text").Addr
	symbols, _ := file.Symbols() // none: stripped
	for _, symbol := range symbols {
		if symbol.Name == "runtime.text" {
			text = symbol.Value
		}
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	check(err)
	for _, f := range table.Funcs {
		file, line, _ := table.PCToLine(f.Entry)
		if file == "" {
			file, line = "?", 0
		}
		fmt.Printf("%x %x %s %s:%d\n", f.Entry, f.End, f.Name, file, line)
	}
}

func main() {
	if len(os.Args) != 3 {
		check(fmt.Errorf("usage: oracle layout|reasons|funcs PATH"))
	}
	switch path := os.Args[2]; os.Args[1] {
	case "layout":
		layout(path)
	case "reasons":
		runtime := filepath.Join(path, "src", "runtime")
		reasons("wait", filepath.Join(runtime, "runtime2.go"), "waitReason", "waitReasonStrings")
		reasons("stw", filepath.Join(runtime, "proc.go"), "stwReason", "stwReasonStrings")
	case "funcs":
		funcs(path)
	}
}
