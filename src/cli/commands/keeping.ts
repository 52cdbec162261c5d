// Verbs on what an agent keeps: its store, its queue, its DKIM keys.

import type { Command } from 'commander'
import { ask, folderOf, type InFolder, inFolder, print, verb } from '../command.ts'

const QUEUE_VERBS = {
  list: 'what waits, by destination and what was said last; with a filter message by message',
  show: 'one message: when it is tried next, why not now, and what happened to it',
  hold: 'keep messages back',
  release: 'let held messages go',
  retry: 'try messages again now',
  reroute: 'send messages by way of another host (--to)',
  fail: 'give messages up: their senders hear of it',
  drop: 'take messages out of the queue, and tell nobody',
} as const

/** Declares store, queue and dkim. */
export function keeping(program: Command) {
  const store = program.command('store').description('look after what an agent keeps')
  store
    .command('verify')
    .description('say whether everything that is kept is sound; the agent may be running')
    .argument('<folder>', `${folderOf}, or of a system`)
    .action((folder) => verb(async () => (await import('../verbs/store.ts')).verify(folder, print))())
  store
    .command('rebuild')
    .description('make every index anew from the bodies and the journal')
    .argument('<folder>', `${folderOf} that is stopped, or of a system`)
    .action((folder) => verb(async () => (await import('../verbs/store.ts')).rebuild(folder, print))())
  store
    .command('backup')
    .description('copy what is new to another folder, while the agent runs')
    .argument('<folder>', folderOf)
    .argument('<to>', 'the folder of the backup, made when missing')
    .action((folder, to) => verb(async () => (await import('../verbs/store.ts')).backup(folder, to, print))())
  store
    .command('restore')
    .description('bring a backup back into a folder that holds no store')
    .argument('<backup>', 'the folder of the backup')
    .argument('<folder>', `${folderOf} to be`)
    .action((from, folder) => verb(async () => (await import('../verbs/store.ts')).restore(from, folder, print))())
  store
    .command('rekey')
    .description('encrypt everything that is kept, or encrypt it with another key')
    .argument('<folder>', `${folderOf} that is stopped`)
    .option(
      '--key <place>',
      'where the key of a store is that was not encrypted: the path of a file, or env:NAME',
      'folder',
    )
    .action((folder, { key }) => verb(async () => (await import('../verbs/store.ts')).rekey(folder, key, print))())

  store
    .command('move')
    .description(
      'change where a store is: into PostgreSQL, back into a folder, or its bodies alone; goes on where it stopped',
    )
    .argument('<folder>', `${folderOf} that is stopped`)
    .option('--to <place>', '"postgres://user@host/database", or "folder"')
    .option('--bodies <place>', '"https://host/bucket", or "database"')
    .option('--domain <domain>', "the agent's domain (default: that of its postmaster)")
    .action((folder, wish) => verb(async () => (await import('../verbs/store.ts')).move(folder, wish, print))())

  const queue = program.command('queue').description('mail that waits to leave an agent, running or stopped')
  for (const [action, description] of Object.entries(QUEUE_VERBS)) {
    const command = queue
      .command(action)
      .description(description)
      .argument('[numbers...]', 'of messages, as `queue list` shows them')
      .option(...inFolder)
      .option('--agent <id>', 'of a system: this agent only')
      .option('--json', 'the result as JSON', false)
    if (action === 'show') command.option('--trace <id>', 'as in Received fields and replies, instead of a number')
    else
      command
        .option('--domain <domain>', 'for this destination')
        .option('--contract <name>', 'carried under this contract')
        .option('--sender <address>', "from this address, or '@domain'; '' for bounces")
        .option('--older <time>', 'taken longer ago, such as 2h')
        .option('--younger <time>', 'taken more lately, such as 10m')
        .option('--reply <words>', 'whose last reply holds these words')
        .option('--state <state>', 'waiting or held')
        .option('--trace <id>', 'of this message, all recipients')
    if (action === 'list')
      command.option('--messages', 'message by message', false).option('--limit <n>', 'lines that are shown', '50')
    else if (action !== 'show')
      command.option('--dry-run', 'only say what would be done', false).option('--all', 'every message', false)
    if (action === 'reroute') command.requiredOption('--to <host>', 'a domain whose MX is asked, or [an address]')
    if (['hold', 'fail', 'drop'].includes(action)) command.option('--why <words>', 'kept in its story, and told')
    command.action((numbers, options) =>
      verb(async () => (await import('../verbs/queue.ts')).queue(action, numbers, options, print))(),
    )
  }

  queue
    .command('pools')
    .description('the addresses that mail of a running agent leaves from: warming up, sent today, where they rest')
    .option(...inFolder)
    .option('--agent <id>', 'of a system: this agent only')
    .option('--json', 'the result as JSON', false)
    .action((options) => verb(async () => (await import('../verbs/queue.ts')).queue('pools', [], options, print))())

  const keys = program
    .command('dkim')
    .description('the DKIM keys of an agent, running or stopped: which sign, which wait for DNS, which are taken back')
  keys
    .command('list')
    .description('every key, where it is in its life, and whether DNS shows it')
    .option(...inFolder)
    .action(({ folder }: InFolder) => ask(folder, { verb: 'dkim', what: 'list' }))
  for (const [what, description] of [
    ['prepare', 'make the next keys of a domain, to be published ahead'],
    ['rotate', 'let the next keys of a domain take over now, if DNS shows them'],
  ] as const)
    keys
      .command(what)
      .description(description)
      .argument('<domain>', 'of an agent, or of one that it carries mail for')
      .option(...inFolder)
      .action((domain: string, { folder }: InFolder) => ask(folder, { verb: 'dkim', what, domain }))
  keys
    .command('revoke')
    .description('sign nothing more with a key, and take it back in DNS: somebody else may have it')
    .argument('<domain>', 'whose key it is')
    .argument('<selector>', 'which of them')
    .option(...inFolder)
    .action((domain: string, selector: string, { folder }: InFolder) =>
      ask(folder, { verb: 'dkim', what: 'revoke', domain, selector }),
    )
}
