#!/usr/bin/env node
/** Starts quickly: the compile cache is on before anything else is loaded. */
import { enableCompileCache, flushCompileCache } from 'node:module'

enableCompileCache()
const { main } = await import('./main.ts')
await main()
// Otherwise it is written when the process ends well, and a server that is killed starts slowly for ever.
flushCompileCache()
