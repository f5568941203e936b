-- Parts of one statement that change the same rows: one of the changes takes place.
create table u (k int primary key, n int);
insert into u values (1,1),(2,2);
with a as (update u set n = n + 1 where k = 1 returning *), b as (update u set n = n + 100 where k = 1 returning *) select (select count(*) from a), (select count(*) from b);
select * from u order by k;
with a as (update u set n = n + 1 where k = 1 returning *) update u set n = n + 100 from a where a.k < u.k returning u.*;
with a as (delete from u where k = 1 returning *) update u set n = n + 100 from a where u.k = a.k returning u.*;
select * from u order by k;
with a as (update u set k = 20 where k = 2 returning *) delete from u using a returning *;
select * from u order by k;
with a as (insert into u values (20, 1) on conflict (k) do update set n = 78 returning *), b as (insert into u values (20, 1) on conflict (k) do update set n = 79 returning *) select * from a, b;
with a as (insert into u values (30, 1) returning *), b as (insert into u select k, 5 from a on conflict (k) do update set n = 79 returning *) select * from a, b;
with a as (delete from u returning *) insert into u select k, n from a returning *;
with a as (delete from u returning *), b as (insert into u select k, n + 1 from a returning *) select * from b;
select * from u order by k;
with a as (delete from u returning *), b as (delete from u returning *) select (select count(*) from a), (select count(*) from b);
select count(*) from u;
