// Verbs that bring mail in and take it out.

import type { Command } from 'commander'
import { folderOf, print, verb } from '../command.ts'

/** Declares import, export and copy. */
export function moving(program: Command) {
  program
    .command('export')
    .description('take mail out into files; run it again to go on, or for what came since; the agent may be running')
    .argument('<folder>', folderOf)
    .argument('<address>', 'whose account')
    .argument('<to>', 'the folder (with --zip: the file) that it goes into')
    .option('--format <format>', 'mbox or maildir', 'mbox')
    .option('--zip', 'one zip file of it', false)
    .option('--json', 'the result as JSON', false)
    .action((folder, address, to, options) =>
      verb(async () => (await import('../verbs/moving.ts')).exportMail(folder, address, to, options, print))(),
    )

  program
    .command('import')
    .description(
      'bring mail in: mbox, Maildir, folders or a zip of them; run it again to go on, or for what came since',
    )
    .argument('<folder>', `${folderOf}, running or stopped`)
    .argument('<address>', 'whose account')
    .argument('<from>', 'the file or folder with the mail')
    .option('--into <mailbox>', 'below this mailbox (default: where it was; a single file: INBOX)')
    .option('--json', 'the result as JSON', false)
    .action((folder, address, from, options) =>
      verb(async () => (await import('../verbs/moving.ts')).importMail(folder, address, from, options, print))(),
    )

  program
    .command('copy')
    .description('copy an account of another IMAP server, all folders; run it again to go on, or for what came since')
    .argument('<from>', 'imap://user@host[:port]/ (993 where no port is said; 143: STARTTLS)')
    .argument('<folder>', `${folderOf}, running or stopped`)
    .argument('<address>', 'whose account here')
    .option('--password-file <file>', 'the password there (default: BORDERPOST_IMAP_PASSWORD, or asked for)')
    .option('--ca <file>', 'certificates (PEM) that prove the server, instead of those of this machine')
    .option('--json', 'the result as JSON', false)
    .action((from, folder, address, options) =>
      verb(async () => (await import('../verbs/copy.ts')).copyMail(from, folder, address, options, print))(),
    )
}
