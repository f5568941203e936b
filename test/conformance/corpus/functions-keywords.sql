-- the text of the query, and the keywords of the grammar
select current_query();
select current_query() as q, 1 + 1 as two;
select * from pg_get_keywords() limit 3;
select count(*), count(barelabel), min(word), max(word) from pg_get_keywords();
select * from pg_get_keywords() order by word;
select catcode, barelabel, count(*) from pg_get_keywords() group by 1, 2 order by 1, 2;
select string_agg(word, ',') from pg_catalog.pg_get_keywords() where word <> all ('{a,abs,absolute,action}'::text[]);
