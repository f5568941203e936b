-- COPY: formats and options
create table c (id int primary key, t text, n numeric(5,2), b boolean, d date);
copy c from stdin;
1	plain	1.5	t	2024-01-01
2	\N	\N	\N	\N
3	tab\there\\and\nline	0	f	infinity
4		-1	true	epoch
\.
copy c to stdout;
copy c (id, t) to stdout;
copy (select id, t from c where id < 3 order by id desc) to stdout;
copy c to stdout with (format csv);
copy c to stdout (format csv, header);
copy c to stdout with csv header;
copy c to stdout (format csv, delimiter ';', null 'NULL', quote '''', force_quote (t));
copy c to stdout (format csv, force_quote *);
copy c to stdout (delimiter '|', null '');
copy c to stdout (header true);
copy c from stdin (format csv);
10,"quoted ""text"", with comma",1.25,t,2024-02-29
11,,,,
12,"",0,f,2024-01-01
13,"two
lines",1,no,2024-01-01
\.
select * from c where id >= 10 order by id;
copy c (id, t) from stdin (format csv, header, delimiter '|', null 'nil');
id|t
20|nil
21|"nil"
22|x
\.
copy c (id, t) from stdin (format csv, header match);
id,wrong
23,x
\.
copy c (id, t) from stdin (format csv, header match);
id,t
23,x
\.
copy c (id, t) from stdin (format csv, force_not_null (t));
24,
\.
copy c (id, t) from stdin (format csv, force_null (t), null 'x');
25,"x"
\.
copy c (t, id) from stdin (delimiter ',');
swapped,30
\.
copy c (id, t) from stdin (format csv, quote '$', escape '\');
31,$a\$b$
\.
copy c (id) from stdin;
40
41
\.
select id, t, t is null as e from c where id >= 20 order by id;
copy c from stdin;
60	x
\.
copy c from stdin;
60	x	1	t	2024-01-01	extra
\.
copy c from stdin;
x	x	1	t	2024-01-01
\.
copy c from stdin;
61	x	1000	t	2024-01-01
\.
copy c from stdin;
61	x	1	maybe	2024-01-01
\.
copy c from stdin;
1	dup	1	t	2024-01-01
\.
copy c from stdin;
\N	null key	1	t	2024-01-01
\.
copy c (id, t) from stdin;
62	first
63	second
62	again
\.
select count(*) from c where id > 60;
copy c (id, t) from stdin (format csv);
70,"unterminated
\.
copy c (id, t) from stdin (format csv);
70,a"b"c
71,"x"y
\.
copy c (id, t) from stdin;
72	\x41\101\b
73	\.
\.
copy c (id, nothing) from stdin;
\.
copy c (id, id) from stdin;
\.
copy nowhere from stdin;
\.
copy c to stdout (format nothing);
copy c to stdout (nothing);
copy c to stdout (delimiter 'ab');
copy c to stdout (delimiter 'a');
copy c to stdout (delimiter '\');
copy c to stdout (format csv, quote 'ab');
copy c to stdout (quote '"');
copy c to stdout (format csv, delimiter '"');
copy c to stdout (format binary, delimiter ',');
copy c to stdout (format csv, null '"');
copy c from stdin (force_quote (t));
\.
copy c to stdout (format csv, force_not_null (t));
copy c to stdout (format csv, force_quote (nothing));
copy c to stdout (format csv, format text);
copy (select 1; select 2) to stdout;
copy (insert into c (id) values (80) returning id, t) to stdout;
copy (select nothing from c) to stdout;
copy (select 1 where false) to stdout (format csv, header);
copy (values (1, null, 'a b', array[1,null], '{"a": 1}'::jsonb, '\x41'::bytea, 1.50, timestamp '2024-01-01 12:00')) to stdout;
copy (values (1, null, 'a b', array[1,null], '{"a": 1}'::jsonb, '\x41'::bytea, true, interval '1 day')) to stdout csv;
copy (select 'a' || chr(9) || 'b', chr(10), chr(13), '\', '\.', '') to stdout;
copy (select 'a,b', 'a"b', '', null, ' x ', '\.', chr(10)) to stdout csv;
copy (select '\.') to stdout csv;
create table e ();
copy e to stdout;
create table ident (id int generated always as identity, v text default 'dflt', x int not null default 7 check (x > 0));
copy ident (v) from stdin;
a
\N
\.
copy ident (v, x) from stdin;
b	0
\.
copy ident (v, x) from stdin;
b	\N
\.
copy ident from stdin;
9	given	1
\.
select * from ident order by id;
create view cv as select 1 as a;
copy cv to stdout;
begin;
copy c (id) from stdin;
90
\.
savepoint a;
copy c (id) from stdin;
90
\.
rollback to a;
select count(*) from c where id = 90;
rollback;
set datestyle = 'SQL, DMY';
copy (select date '2024-02-01', timestamptz '2024-02-01 12:00+00') to stdout;
reset datestyle;
drop view cv;
drop table c, e, ident;
copy (select $1) to stdout;
