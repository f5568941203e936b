-- oid, regclass and friends, "char", name, void
select 1::oid, 4294967295::oid, '17'::oid, 'x'::name, 'abc'::"char", ''::"char";
select 4294967296::oid;
select (-1)::oid;
select 'abc'::oid;
select 1::oid < 2::oid, 1::oid = 1, max(x) from (values (5::oid), (7)) as t(x);
select 'int4'::regtype, 'integer'::regtype, 'varchar(5)'::regtype, 'int4'::regtype::oid, 23::regtype, 'text[]'::regtype, 1::oid::regtype;
select 'nothing'::regtype;
select 'pg_class'::regclass, 'pg_catalog.pg_class'::regclass, 'pg_class'::regclass::oid, 0::regclass;
select 'nowhere'::regclass;
select 'a.b.c.d'::regclass;
select to_regclass('nowhere'), to_regclass('pg_class'), to_regtype('int4'), to_regtype('nothing');
select 'public'::regnamespace, 'pg_catalog'::regnamespace::oid;
select 'nowhere'::regnamespace;
select 'nobody'::regrole;
select 'upper'::regproc;
select 'nofunction'::regproc;
select repeat('x', 70)::name, length(repeat('ž', 40)::name);
select 'a'::"char" < 'b'::"char", 'abc'::text::"char";
select pg_typeof(1::oid), pg_typeof('x'::name), pg_typeof('x'::"char"), pg_typeof('pg_class'::regclass), pg_typeof(null), pg_typeof(pg_typeof(1));
select format_type(23, -1), format_type(1043, 14), format_type(1700, 655366), format_type(0, -1), format_type(1007, null), format_type(99999, -1);
create table t (id int primary key, o oid, r regclass, n name, c "char");
insert into t values (1, 5, 't', 'n', 'c');
insert into t values (2, -5);
insert into t values (2, 5, 'nowhere');
select id, o, r::text, n, c from t order by id;
select relname from pg_class where oid = 't'::regclass;
select attname from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum;
select atttypid::regtype from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum;
select r::text, r = 't'::regclass from t;
--: t
select $1::regclass::text;
--: missing
select $1::regclass;
drop table t;
