#!/usr/bin/env node
/** Starts quickly: the compile cache is on before anything else is loaded. Node 20 has none, and runs the packed build all the same. */
import compiled from 'node:module'

compiled.enableCompileCache?.()
const { main } = await import('./main.ts')
await main()
// Otherwise it is written when the process ends well, and a server that is killed starts slowly for ever.
compiled.flushCompileCache?.()
