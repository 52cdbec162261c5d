// Verbs on messages, and on what is said of them.

import type { Command } from 'commander'
import { type InFolder, inFolder, print, verb } from '../command.ts'

/** Declares trace, verify, where and reports. */
export function messages(program: Command) {
  program
    .command('trace')
    .description('show how a message came: the path from its Received lines, what is verified and what only claimed')
    .argument('<file>', "message (.eml), an mbox of many, or '-' for standard input")
    .option('--trusted <host...>', 'hosts of your own Border, whose lines are believed')
    .option('-o, --output <file>', 'write the picture (SVG)')
    .option('--verify', 'ask DNS for the keys of its signatures; without it nobody is asked', false)
    .option('--dns <address>', 'ask this server for them, port after a colon')
    .option('--json', 'the result as JSON', false)
    .action((file, options) => verb(async () => (await import('../verbs/trace.ts')).traceVerb(file, options))())

  program
    .command('verify')
    .description('check who sent a message: SPF, DKIM, DMARC, ARC and more, asked of real DNS')
    .argument('<file>', "message (.eml), or '-' for standard input")
    .option('--ip <address>', 'the address that handed it over (default: the newest Received line)')
    .option('--helo <name>', 'what that host called itself')
    .option('--from <address>', 'the reverse-path (default: Return-Path)')
    .option('--dns <address>', 'ask this server, port after a colon (default: those of this machine)')
    .option('--explain', 'every step of every check', false)
    .option('--json', 'the result as JSON', false)
    .action((file, options) => verb(async () => (await import('../verbs/verify.ts')).verify(file, options))())

  program
    .command('where')
    .description('what became of a message: a sentence, then what happened at each role')
    .argument('<anything>', 'an address, words of the subject, a Message-ID, a name of ours, an IP address, or a reply')
    .option(...inFolder)
    .option('--json', 'the result as JSON', false)
    .action((question: string, options: InFolder & { json: boolean }) =>
      verb(async () => (await import('../verbs/where.ts')).where(question, options, print))(),
    )

  program
    .command('reports')
    .description('explain a report (DMARC, TLS, complaint), or show what an agent heard and told of whom')
    .argument('<path...>', "report (.eml, .xml, .json, .gz, .zip; '-' for standard input), or folder of an agent")
    .option('--days <n>', 'of a folder: how far back', '30')
    .option('--json', 'the result as JSON', false)
    .action((paths, options) =>
      verb(async () =>
        (await import('../verbs/reports.ts')).reports(paths, options, (text) => process.stdout.write(text)),
      )(),
    )
}
