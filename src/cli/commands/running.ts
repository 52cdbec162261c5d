// Verbs that run a system, and what DNS must say for it.

import type { Command } from 'commander'
import { verb } from '../command.ts'

/** Declares demo, serve and dns. */
export function running(program: Command) {
  program
    .command('demo')
    .description("run the article's own email system on this computer, with real mail")
    .argument('[file]', 'another description to run on loopback')
    .option('--folder <dir>', 'where everything is written (default: ./borderpost-demo)')
    .option('--json', 'print one line of JSON when ready, for scripts', false)
    .action((file, options) => verb(async () => (await import('../verbs/demo.ts')).demo({ file, ...options }))())

  program
    .command('serve')
    .description('run those agents of a description that have an address of this machine, on the open Internet')
    .argument('<file>', 'the description')
    .requiredOption('--folder <dir>', 'where mail, keys and certificates are kept')
    .option('--dns <address>', 'ask this name server, port after a colon (default: those of this machine)')
    .option('--port-offset <n>', 'added to every port, to try a system out', '0')
    .option('--json', 'the log as lines of JSON', false)
    .action((file, options) => verb(async () => (await import('../verbs/serve.ts')).serve(file, options))())

  program
    .command('dns')
    .description('the records that the agents of a description must publish, and why; or whether the world sees them')
    .argument('<file>', 'the description')
    .requiredOption('--folder <dir>', 'where the keys are kept; they are made when missing')
    .option('--check', 'ask DNS, and say what is right, missing or different', false)
    .option('--dns <address>', 'ask this name server, port after a colon (default: those of this machine)')
    .option('--json', 'the result as JSON', false)
    .action((file, options) => verb(async () => (await import('../verbs/dns.ts')).dns(file, options))())
}
