// pgx in each of its five ways of asking.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var background = context.Background()

func must(err error) {
	if err != nil {
		fmt.Println("  FAILED", err)
		os.Exit(1)
	}
}

func check(name string, got, expected any) {
	if fmt.Sprint(got) != fmt.Sprint(expected) {
		must(fmt.Errorf("%s: %v, not %v", name, got, expected))
	}
}

func main() {
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe,
		pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol} {
		speak(mode)
		fmt.Println("  ok", mode)
	}
}

func speak(mode pgx.QueryExecMode) {
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres", os.Getenv("PGHOST"), os.Getenv("PGPORT")))
	must(err)
	config.DefaultQueryExecMode = mode
	connection, err := pgx.ConnectConfig(background, config)
	must(err)
	defer connection.Close(background)
	_, err = connection.Exec(background, "drop table if exists g; create table g (id int primary key, t timestamptz, a int[], s text[])",
		pgx.QueryExecModeSimpleProtocol)
	must(err)

	moment := time.Date(2024, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	_, err = connection.Exec(background, "insert into g values ($1, $2, $3, $4)", 1, moment, []int32{1, 2}, []string{"a", `b"c`})
	must(err)
	var t time.Time
	var a []int32
	var s []string
	must(connection.QueryRow(background, "select t, a, s from g where id = $1", 1).Scan(&t, &a, &s))
	check("types", fmt.Sprint(t.UTC(), a, s), fmt.Sprint(moment, []int32{1, 2}, []string{"a", `b"c`}))

	_, err = connection.CopyFrom(background, pgx.Identifier{"g"}, []string{"id", "t"},
		pgx.CopyFromSlice(1000, func(i int) ([]any, error) { return []any{i + 10, moment}, nil }))
	must(err)
	batch := &pgx.Batch{}
	for i := range 5 {
		batch.Queue("insert into g (id) values ($1)", 2000+i)
	}
	must(connection.SendBatch(background, batch).Close())
	var count int
	must(connection.QueryRow(background, "select count(*) from g").Scan(&count))
	check("COPY and a batch", count, 1006)

	transaction, err := connection.BeginTx(background, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	must(err)
	savepoint, err := transaction.Begin(background)
	must(err)
	_, err = savepoint.Exec(background, "insert into g (id) select 1")
	var refusal *pgconn.PgError
	check("an error", errors.As(err, &refusal) && refusal.Code == "23505" && refusal.ConstraintName == "g_pkey", true)
	must(savepoint.Rollback(background))
	must(transaction.Commit(background))

	short, cancel := context.WithTimeout(background, 200*time.Millisecond)
	defer cancel()
	_, err = connection.Exec(short, "select pg_sleep(20)")
	check("a statement that took too long", err != nil, true)
}
