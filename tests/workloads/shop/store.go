// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"os"
	"time"

	"github.com/mattn/go-sqlite3"
)

const (
	driver = "sqlite3_with_archive"

	// One customer in heavyEvery has a long history.
	customers  = 1000
	heavyEvery = 40
	lightPages = 2
	heavyPages = 300

	// A page of the archive comes from slow storage: the time does not depend on the processor.
	pageTime = 5 * time.Millisecond
)

const schema = `
CREATE TABLE IF NOT EXISTS customer (id INTEGER PRIMARY KEY, pages INTEGER NOT NULL);
INSERT OR IGNORE INTO customer
WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?)
SELECT n, CASE n % ? WHEN 0 THEN ? ELSE ? END FROM number`

const historyQuery = `
WITH RECURSIVE page(n) AS (
	SELECT 1 UNION ALL SELECT n + 1 FROM page
	WHERE n < (SELECT pages FROM customer WHERE id = ?))
SELECT sum(archive_page(n)) FROM page`

func init() {
	sql.Register(driver, &sqlite3.SQLiteDriver{
		ConnectHook: func(connection *sqlite3.SQLiteConn) error {
			return connection.RegisterFunc("archive_page", archivePage, false)
		},
	})
}

// archivePage is what the query calls for each page of a history.
func archivePage(number int64) int64 {
	time.Sleep(pageTime)
	return number % 7
}

type store struct {
	database *sql.DB
	timeout  time.Duration
}

func openStore(path string, release settings) (*store, error) {
	_, err := os.Stat(path)
	missing := os.IsNotExist(err)
	database, err := sql.Open(driver, "file:"+path+"?_journal_mode=WAL&_busy_timeout=5000")
	if err != nil {
		return nil, err
	}
	if missing {
		if _, err := database.Exec(schema, customers, heavyEvery, heavyPages, lightPages); err != nil {
			database.Close()
			return nil, err
		}
	}
	database.SetMaxOpenConns(release.connections)
	database.SetMaxIdleConns(release.connections)
	return &store{database: database, timeout: release.historyTimeout}, nil
}

func (s *store) close() { s.database.Close() }

// history sums up what a customer bought before.
func (s *store) history(ctx context.Context, customer int) (total int64, err error) {
	if s.timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		err = s.database.QueryRowContext(limited, historyQuery, customer).Scan(&total)
		return total, err
	}
	err = s.database.QueryRow(historyQuery, customer).Scan(&total)
	return total, err
}
