/** The guards of rules.qnt as TypeScript, for who checks a run without Quint. */
import { join } from 'node:path'
import { Compiler } from './compile.ts'
import { rulesModule } from './source.ts'

export const rulesFile = join(import.meta.dirname, 'rules.generated.ts')

export const rulesText = (): string =>
  `// Made of rules.qnt by \`npm run spec -- --write-rules\`.\n\n${new Compiler(rulesModule(), true).typescript()}`
