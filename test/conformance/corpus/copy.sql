-- COPY
create table t (id int primary key, b text, c numeric, d date);
copy t from stdin;
1	one	1.50	2024-01-01
2	\N	\N	\N
3	tab\there	-0.5	infinity
4	back\\slash\nline		2024-02-29
\.
copy t from stdin;
5	five	1.5	2024-01-01
6	\x41\102		\N
\.
select * from t order by id;
copy t (id, b) from stdin;
10	ten
11	eleven
\.
copy t (b, id) from stdin with (format csv);
"a ""quoted"" one, with comma",12
,13
"",14
"two
lines",15
\.
copy t (id, b) from stdin with (format csv, header, delimiter ';', null 'NIL');
id;b
16;NIL
17;'x'
\.
copy t (id, b) from stdin with (delimiter '|', null '');
18|x
19|
\.
select id, b, b is null from t where id >= 10 order by id;
copy t from stdin;
20	x	y	2024-01-01
\.
copy t from stdin;
x	a	1	2024-01-01
\.
copy t from stdin;
21	only two
\.
copy t (id, b) from stdin;
21	a	b
\.
copy t (id) from stdin;
1
\.
copy t (id, nothing) from stdin;
\.
copy t (id, id) from stdin;
\.
copy nowhere from stdin;
\.
copy t (id, b) from stdin with (format csv);
22,"unterminated
\.
copy t from stdin with (format nothing);
\.
copy t from stdin with (delimiter 'ab');
\.
copy t from stdin with (nothing true);
\.
copy (select id, b, c from t where id < 5 order by id) to stdout;
copy (select id, b from t order by id) to stdout with (format csv, header, quote '''', force_quote (b));
copy (select 1, null, 'a,b', 'q"q', '') to stdout with (format csv);
copy (select 1, null, 'x') to stdout with (null 'NIL', delimiter ',');
copy (select 'a|b') to stdout (delimiter '|');
copy (values (1, true, 1.50, date '2024-01-01', array[1,2], '{"a": 1}'::jsonb, '\x00ff'::bytea)) to stdout;
copy (select * from nowhere) to stdout;
copy (select 1/0) to stdout;
copy (select 1) from stdin;
copy t to stdout where id = 1;
copy (insert into t (id) values (30) returning id) to stdout;
copy (select id from t where false) to stdout;
copy t to stdout nothing;
drop table t;
