-- where errors point: several lines, characters beyond ASCII
create table "täble" (id int primary key, "naïve" text, "数" int);
select 'ä',
  nothing
from "täble";
select 'äöü😀' as "😀", "数" + 'x' from "täble";
select
  id,
  /* ein Kömmentar 😀 */ upper(id)
from "täble";
-- a comment before
select '日本語' || missing('é') from "täble";
select "naïve" from "täble" t
where t."naïve" = 5
  and t."数" > 'abc';
insert into "täble" (id, "naïve", "数")
values (1, 'ö', 2),
       (2, 'ü', 'zwölf');
insert into "täble" (id, "ünknown") values (1, 2);
update "täble" set
  "naïve" = 'é',
  "mïssing" = 1;
update "täble" set "数" = 'ñ' where id = 1;
delete from "täble" where "ä" = 1;
select * from "tàble";
select "täble"."naïv" from "täble";
select "tble".id from "täble";
select 'é' from "täble" order by 'é', 7;
select "naïve", count(*) from "täble";
select 'ß' as x group by "naïve";
select 1 from "täble" having "naïve" = 'x';
select case when 'é' then 1 end;
select 'é'::int;
select '日本'::date, 1;
select   E'\u00e9'::int;
select 'a' 'b';
select 'é'
  'x'::int;
select $$dollar é$$::int;
select "unterminated é;
";
select 'é' frm "täble";
select 'é', from "täble";
select ('é', (1, 2);
select 'é' é;
select é from "täble";
selekt 'é';
select 1 +* 'é';
create table x (a int, "ö" nothing);
create table x (a int default 'é');
create table x (a int check ("ö" > 1));
create table x (a int primary key, "ö" int primary key);
create table x ("ö" int, "ö" text);
create index on "täble" ("ö");
create view "vïew" as
  select 'é' as a,
         "ö"
  from "täble";
alter table "täble" add column "naïve" int;
alter table "täble" drop column "ö";
alter table "ö" add column a int;
alter table "täble" alter column "naïve" type int;
alter table "täble" rename column "ö" to "ü";
drop table "ö";
prepare p as select 'é' || $1 || "ö";
prepare "prëp" (int) as select $1 + 'é';
execute "prép";
set "ö" = 1;
show "ö";
declare "cürsor" cursor for select 1;
fetch from "cürsor";
savepoint "ö";
copy "täble" ("naïve", "ö") to stdout;
copy "ö" from stdin;
\.
copy "täble" from stdin;
1	é	zwölf
\.
copy "täble" (id, "naïve") from stdin;
1	é	3
\.
copy "täble" (id, "naïve") from stdin;
1
\.
with "cté" as (select 'é' as "ö") select "ü" from "cté";
select (select "ö" from "täble" where
  "täble"."é" = 1);
select * from "täble" a join "täble" b on a."naïve" = b."数";
select * from "täble" a join "täble" b using ("ö");
select "naïve" from "täble" a, "täble" b;
select a.* , 'é' , c.* from "täble" a;
select sum("naïve") from "täble";
select sum('é', 1);
select "täble"('é');
select 'é' collate "ö";
select array['é', 1];
select 'é' in (1, 2);
select 'é' between 1 and 2;
select coalesce('é', 1);
select 'é' union select 1;
select "naïve" from "täble" union select
  "数" from "täble";
select 'é' like 1;
select extract('é' from now());
select interval 'é';
select timestamp 'é', 'é';
select '{é'::jsonb;
select '{"é": }'::json;
select '{é'::text[];
select uuid 'é';
select 'é' ~ '(';
select row('é', 1) = row(1, 2);
select 'é' offset 'ö';
select 1 limit 'é';
select lower('É'), upper('ß'), length('😀é'), position('é' in '😀é'), substr('😀é日本', 2, 2), left('日本語', -1), reverse('é😀'), lpad('é', 3, '日'), initcap('élan ÉTÉ'), ascii('é'), chr(233), octet_length('é😀'), quote_ident('é'), quote_ident('É'), quote_literal('é''x');
--: é | zwölf
select $1 || 'é', $2::int;
--: 1
select 'é' || "ö" || $1;
--: 1
select 'é', $1 + 'é';
select 'é'; select "ö";
---
select 'é'; select
 "ö";
---
---
select 'é' as "ä";
selec 'ö';
---
drop table "täble";
