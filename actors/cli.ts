#!/usr/bin/env node
/** Starts quickly: the compile cache is on before anything else is loaded. */
import { enableCompileCache } from 'node:module'

enableCompileCache()
const { main } = await import('./main.ts')
await main()
