-- uuid
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid;
select '{a0eebc999c0b4ef8bb6d6bb9bd380a11}'::uuid, 'a0eebc999c0b4ef8bb6d6bb9bd380a11'::uuid, 'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'::uuid;
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1'::uuid;
select 'g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid;
select ''::uuid;
select '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid;
select ' a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid;
select '00000000-0000-0000-0000-000000000000'::uuid < 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid;
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid = 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'::uuid;
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid::text, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid || '!';
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid;
select length(gen_random_uuid()::text), gen_random_uuid() <> gen_random_uuid(), pg_typeof(gen_random_uuid());
select substring(gen_random_uuid()::text from 15 for 1);
select 1::uuid;
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid::int;
select 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid + 1;
select min('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid);
create table things (id uuid primary key default gen_random_uuid(), ref uuid);
insert into things values ('11111111-1111-1111-1111-111111111111', null), ('22222222-2222-2222-2222-222222222222', '11111111-1111-1111-1111-111111111111');
insert into things values ('11111111-1111-1111-1111-111111111111');
insert into things values ('not a uuid');
insert into things (ref) values ('33333333-3333-3333-3333-333333333333');
select count(*), count(distinct id) from things;
select * from things where id < '30000000-0000-0000-0000-000000000000' and ref is distinct from '33333333-3333-3333-3333-333333333333' order by id;
select ref from things order by ref nulls first;
select id from things where id = '22222222-2222-2222-2222-222222222222';
select id from things where id in ('11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222') order by id desc;
select id from things where id = 'x';
select id from things where id like '1%';
select id from things where id::text like '11111111-1%';
select ref, count(*) from things group by ref order by ref;
--: 11111111-1111-1111-1111-111111111111
select ref from things where id = $1;
--: nonsense
select ref from things where id = $1;
update things set ref = id where ref is null returning ref;
drop table things;
