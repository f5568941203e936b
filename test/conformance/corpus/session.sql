-- settings, transactions, savepoints
show server_version_num;
show search_path;
show nothing;
show transaction isolation level;
set search_path to public, pg_catalog;
show search_path;
set search_path = 'a b', "C";
show search_path;
reset search_path;
set nothing = 1;
set my.setting = 'x';
show my.setting;
set work_mem = '8MB';
show work_mem;
set work_mem = 'lots';
set work_mem = -5;
set statement_timeout = '5s';
show statement_timeout;
set statement_timeout to default;
show statement_timeout;
set statement_timeout = 'x';
set application_name = 'corpus test';
show application_name;
set enable_seqscan = off;
show enable_seqscan;
set enable_seqscan = maybe;
set client_min_messages = warning;
drop table if exists nowhere;
reset client_min_messages;
drop table if exists nowhere;
set client_encoding = 'UTF8';
set client_encoding = 'nonsense';
set default_transaction_isolation = 'serializable';
set default_transaction_isolation = 'nonsense';
reset default_transaction_isolation;
set session characteristics as transaction read only;
create table ro (x int);
set session characteristics as transaction read write;
set names 'UTF8';
set local work_mem = '16MB';
show work_mem;
reset all;
discard all;
create table t (id int primary key, v text);
begin;
begin;
insert into t values (1, 'a');
select * from t;
rollback;
select * from t;
rollback;
commit;
begin;
insert into t values (1, 'a');
commit;
start transaction isolation level repeatable read read only;
show transaction_isolation;
show transaction_read_only;
insert into t values (2, 'b');
select 1;
rollback;
begin;
select 1/0;
select 1;
nonsense;
commit;
begin;
insert into t values (1, 'dup');
insert into t values (5, 'x');
end;
select * from t;
begin;
savepoint a;
insert into t values (2, 'b');
savepoint b;
insert into t values (3, 'c');
rollback to b;
select id from t order by id;
insert into t values (2, 'dup');
select id from t;
rollback to savepoint a;
select id from t order by id;
release a;
release a;
rollback;
savepoint x;
release x;
rollback to x;
begin;
rollback to nowhere;
rollback;
begin;
savepoint a;
savepoint a;
insert into t values (9, 'nine');
release savepoint a;
rollback to a;
commit;
select id from t order by id;
begin;
set local application_name = 'local';
show application_name;
commit;
show application_name;
begin;
set application_name = 'inside';
rollback;
show application_name;
begin read write;
set transaction isolation level repeatable read;
show transaction_isolation;
select 1;
set transaction isolation level serializable;
rollback;
set transaction isolation level serializable;
begin isolation level nonsense;
begin; 
create table in_tx (x int);
insert into in_tx values (1);
rollback;
select * from in_tx;
begin;
create table in_tx (x int);
insert into in_tx values (1) returning x;
commit;
select * from in_tx;
commit and chain;
begin;
commit and chain;
rollback;
begin;
truncate t;
rollback;
select count(*) from t;
lock table t;
abort;
---
insert into t values (100, 'x'); insert into t values (101, 'y');
select id from t where id >= 100 order by id;
---
---
insert into t values (200, 'x'); insert into t values (200, 'dup'); insert into t values (201, 'z');
---
select id from t where id >= 200;
---
begin; insert into t values (300, 'x'); commit; insert into t values (300, 'dup');
---
---
insert into t values (400, 'x'); rollback; select count(*) from t where id = 400;
---
---
select 1; select 'a' as x, 2; ; select 3 where false
---
---
select 1; selec 2; select 3
---
---
set work_mem = '9MB'; show work_mem; select 1/0; show work_mem
---
drop table t, in_tx;
