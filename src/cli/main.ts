// The `borderpost` command: verbs, output, exit codes. Data goes to standard output, talk to standard error. What each verb
// takes is declared in commands/, what it does stands in verbs/.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { verb } from './command.ts'
import { descriptions } from './commands/descriptions.ts'
import { keeping } from './commands/keeping.ts'
import { messages } from './commands/messages.ts'
import { moving } from './commands/moving.ts'
import { people } from './commands/people.ts'
import { running } from './commands/running.ts'
import { home } from './home.ts'
import { EXIT } from './read-description.ts'

const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
  version: string
}

const program = new Command('borderpost')
  .description('A complete Internet email system, built from the roles that make email.')
  .version(version)
  .showHelpAfterError()
  .exitOverride()

running(program)
descriptions(program)
messages(program)
keeping(program)
people(program)
moving(program)

program
  .command('suite')
  .description('run a conformance suite over a folder of its cases')
  .argument('<name>', 'spf, dkim, arc, …')
  .argument('<dir>', 'the folder of the suite')
  .action((name, dir) =>
    verb(async () => (await import('./suite/index.ts')).runSuite(name, dir, (line) => console.log(line)))(),
  )

try {
  await program.parseAsync()
} catch (error) {
  // Commander throws when help, the version or a usage error has been shown.
  const { exitCode, code } = error as { exitCode?: number; code?: string }
  if (!code?.startsWith('commander.')) throw error
  process.exitCode = exitCode === 0 ? EXIT.ok : EXIT.usage
}
