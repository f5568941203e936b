/** The same properties are tried with the same values every time; `npm run test:long` draws new ones, and a failure prints its seed. */
import fc from 'fast-check'

if (process.env.TAUDB_TEST_LONG !== '1') fc.configureGlobal({ seed: 20_261_120 })
