-- the error function, to the last bit
select erf(0.5), erfc(0.5), erf(0), erf(1), erf(-1), erf(3), erfc(3), erfc(10), erfc(28), erf('nan'), erf('infinity'), erfc('-infinity'), erf(1e-10), erf(1e-300), erf(-0.0), erfc(1e-20), erf(6), erfc(-6), erf(null);
select x, erf(x), erfc(x) from (select i * 0.25 as x from generate_series(-30, 110) i) s;
select x, erf(x), erfc(x) from (select i * 0.0137 as x from generate_series(-110, 110) i) s;
