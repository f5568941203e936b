-- parameters of every type: as texts, and as bytes (x'...')
create table p (id int primary key, t text);
--: t | f | \N
select $1::boolean, $2::boolean, $3::boolean;
--: x'01' | x'00'
select $1::boolean, not $2::boolean;
--: x'0007' | x'ffff' | 12
select $1::int2, $2::int2, $3::int2;
--: x'00000007' | x'ffffffff' | 12
select $1::int4, $2::int4 + 1, $3::int;
--: x'0000000000000007' | x'ffffffffffffffff' | 9223372036854775807
select $1::int8, $2::int8, $3::bigint;
--: x'0002000000000001000100020000' | 1.50 | NaN
select $1::numeric, $2::numeric, $3::numeric;
--: x'0000000040000001' | x'0001000040000002000c'
select $1::numeric, $2::numeric;
--: x'00020000000000020001' | 1
select $1::numeric, $2::int;
--: x'3fc00000' | x'7fc00000' | 0.1
select $1::float4, $2::float4, $3::float4;
--: x'3ff8000000000000' | x'7ff0000000000000' | 1e-5
select $1::float8, $2::float8, $3::float8;
--: x'616263' | x'c3a9' | é
select $1::text, $2::text || $3, length($2);
--: x'616263' | x'616263' | x'616263'
select $1::varchar(2), $2::char(5), $3::name;
--: x'00ff' | \\x00ff | \001a
select $1::bytea, $2::bytea = '\x00ff', $3::bytea;
--: x'00000000' | x'ffffffff' | 2024-02-29 | x'7fffffff'
select $1::date, $2::date, $3::date + 1, $4::date;
--: x'0000000000000000' | 12:34:56.7 | 24:00
select $1::time, $2::time, $3::time;
--: x'000000000000000000000000' | 12:00+02
select $1::timetz, $2::timetz;
--: x'0000000000000000' | 2024-01-01 12:00 | x'7fffffffffffffff'
select $1::timestamp, $2::timestamp, $3::timestamp;
--: x'0000000000000001' | 2024-01-01 12:00+02 | infinity
select $1::timestamptz, $2::timestamptz, $3::timestamptz;
--: x'00000000000f42400000000100000002' | 1 day 2 hours
select $1::interval, $2::interval;
--: x'00112233445566778899aabbccddeeff' | 00112233-4455-6677-8899-AABBCCDDEEFF
select $1::uuid, $2::uuid, $1::uuid = $2::uuid;
--: {"a": 1} | x'7b2261223a20327d'
select $1::json -> 'a', $2::json ->> 'a';
--: {"b":1,"a":2} | x'017b2261223a20327d'
select $1::jsonb, $2::jsonb -> 'a';
--: x'00000017' | 23
select $1::oid, $2::oid;
--: pg_class | integer | x'000004eb'
select $1::regclass, $2::regtype, $3::regclass;
--: x'0000000100000000000000170000000200000001000000040000000100000004ffffffff' | {1,2}
select $1::int[], $2::int[];
--: x'00000001000000010000001700000001000000010000000400000001' | {a,NULL}
select $1::int[] || 5, $2::text[];
--: x'000000000000000000000017'
select $1::int[], cardinality($1);
--: \N | \N | \N
select $1::int, $2::text is null, coalesce($3, 'default');
--: x'02'
select $1::boolean;
--: x'0007'
select $1::int4;
--: x'000000070000'
select $1::int4;
--: x'ff'
select $1::text;
--: x'00010000000000000001'
select $1::numeric + 1;
--: x'00010000c00100000001'
select $1::numeric;
--: x'0001000000000000ffff'
select $1::numeric;
--: x'0211'
select $1::jsonb;
--: x'0001'
select $1::uuid;
--: x'0000000100000002000000170000000100000001000000040000000100000004'
select $1::int[];
--: x'00000007000000170000000100000001'
select $1::int[];
--: x'7fffffffffffffff'
select $1::time;
--: x'7ffffffe'
select $1::date;
--: x
select $1::int;
--: 99999
select $1::int2;
--: maybe
select $1::boolean;
--: 2024-02-30
select $1::date;
--: 12:60
select $1::time;
--: 1 nothing
select $1::interval;
--: {1,x}
select $1::int[];
--: {
select $1::jsonb;
--: zz
select $1::uuid;
--: \xzz
select $1::bytea;
--: 1.5
select $1::int;
--: 1 | 2
select $1 + $2;
--: 1 | 2
select $1 + 1, $2 || 'x';
--: 1
select $1;
--: 1
select $1 + $1::numeric;
--: 1
select $1::int, $1::text;
--: 1 | 2
select $2::int;
--: 1
select $1::int + $2;
--: 1 | 2
select $1::int;
--: a
select * from p where t = $1;
--: 5 | five
insert into p values ($1, $2) returning *;
--: x'00000006' | x'736978'
insert into p values ($1, $2) returning *;
--: 6 | changed
update p set t = $2 where id = $1 returning *;
--: {5,6}
select id from p where id = any ($1) order by id;
--: 5 | 6
select id from p where id in ($1, $2) order by id;
--: 1
select id from p order by id limit $1;
--: 1
select id from p order by id offset $1;
--: 1
select id from p order by $1;
--: 2
select id, $1::int as n from p group by id, $1 order by id;
--: f
select case when $1 then 1 else 2 end;
--: 3 | 1
select generate_series($2::int, $1);
--: 10 | 3
select $1 / $2::int, $1 % 3, - $1;
--: x | y
select coalesce($1, $2), $1 || $2, nullif($1, 'x'), greatest($1, $2);
--: 1 day
select date '2024-01-01' + $1::interval, now() - $1 < now();
--: 2024-01-01
select id from p where $1 < date '2024-06-01' order by id;
--: 1
select $1 is null, $1 = 1;
--: \N
select $1 is null;
--: a%
select id from p where t like $1;
--: 6
with c as (select * from p where id = $1) delete from p using c where p.id = c.id returning p.*;
--: 1
create table q (x int default $1);
--: 1
drop table $1;
drop table p;
