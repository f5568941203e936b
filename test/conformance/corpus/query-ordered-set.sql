-- ordered-set aggregates
create table w (id int primary key, g text, n int, d interval, t date);
insert into w values (1, 'a', 1, '1 day', '2024-01-01'), (2, 'a', 5, '2 days', '2024-01-05'), (3, 'b', null, null, null), (4, 'b', 5, '5 hours', '2024-01-03'), (5, 'a', 9, '1 month', '2024-01-01');
select percentile_cont(0.5) within group (order by n), percentile_disc(0.5) within group (order by n), mode() within group (order by g), mode() within group (order by n desc) from w;
select g, percentile_cont(0.25) within group (order by n desc), percentile_disc(0.9) within group (order by t), mode() within group (order by t desc) from w group by g order by g;
select percentile_cont(0.5) within group (order by d), percentile_cont(array[0.1, 0.9, null]) within group (order by d), percentile_disc(array[0, 0.5, 1]) within group (order by g) from w;
select percentile_cont(array[0.25, 0.75]) within group (order by n), percentile_cont(0.3) within group (order by n::numeric) from w;
select percentile_cont(0.5) within group (order by n) filter (where g = 'b'), percentile_cont(null) within group (order by n), count(*) from w;
select percentile_cont(0.5) within group (order by n), mode() within group (order by n) from w where false;
select percentile_cont(2) within group (order by n) from w;
select percentile_cont(-0.5) within group (order by n) from w;
select percentile_disc(0.5) within group (order by g, n) from w;
select percentile_cont(0.5) within group (order by g) from w;
select mode(n) within group (order by n) from w;
select mode() within group (order by j) from (values ('{}'::json)) v(j);
select sum(n) within group (order by n) from w;
select upper(g) within group (order by n) from w;
select percentile_cont(0.5) from w;
select percentile_cont(0.5, n) from w;
select percentile_cont('x') within group (order by n) from w;
select g from w group by g having percentile_disc(0.5) within group (order by n) > 4 order by g;
--: 0.5
select percentile_disc($1) within group (order by n) from w;
drop table w;
