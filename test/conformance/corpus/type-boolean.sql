-- boolean: input, output, three-valued logic
select true, false, null::boolean;
select 't'::bool, 'true'::bool, 'y'::bool, 'yes'::bool, 'on'::bool, '1'::bool;
select 'f'::bool, 'false'::bool, 'n'::bool, 'no'::bool, 'off'::bool, '0'::bool;
select ' TRUE '::bool, 'tr'::bool, 'FaLsE'::bool;
select 'o'::bool;
select 'maybe'::bool;
select ''::bool;
select true and null, false and null, true or null, false or null, not null::bool;
select null and null, null or null;
select true and 1;
select not 1;
select 1::bool, 0::bool, (-7)::bool;
select true::int, false::int;
select true::bigint;
select true::text, false::text || '!';
select true::varchar(2);
select 'true'::text::bool;
select true > false, true = false, true <> false, false < true, true >= true;
select true is true, null is true, false is not true, null is unknown, true is not unknown;
select null is distinct from false, true is not distinct from true;
select bool_and(b), bool_or(b), every(b) from (values (true), (false), (null)) as t(b);
select bool_and(b), bool_or(b) from (values (null::bool)) as t(b);
select b, count(*) from (values (true), (false), (true), (null)) as t(b) group by b order by b;
select b from (values (true), (false), (null)) as t(b) order by b desc nulls last;
select booleq(true, true), boolne(true, false);
create table flags (id int primary key, on_off boolean default false, known bool not null);
insert into flags values (1, true, 'yes'), (2, default, 'off'), (3, null, true);
insert into flags values (4, 5, true);
insert into flags (id, known) values (4, 'x');
insert into flags (id, known) values (4, null);
select * from flags where on_off;
select id from flags where not on_off;
select id from flags where on_off is null;
select id from flags where id;
select id from flags where on_off is not true order by id;
update flags set on_off = not on_off returning *;
select case when on_off then 'on' when not on_off then 'off' else 'unknown' end from flags order by id;
--: true
select $1::bool, not $1;
--: f | \N
select $1::bool or $2::bool;
--: neither
select $1::bool;
select sum(true);
select max(true);
select true + true;
select -true;
drop table flags;
