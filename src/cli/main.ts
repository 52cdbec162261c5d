// The `borderpost` command: verbs, output, exit codes. Data goes to standard output, talk to standard error.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { format, type Style } from '../notation/format.ts'
import { isMeantToRun, planSystem } from '../system/description.ts'
import { home } from './home.ts'
import { EXIT, mendFile, printFindings, readDescription } from './read-description.ts'
import type { WishAboutPeople } from './verbs/account.ts'
import { drawFile, FORMATS, LAYER_WORDS } from './verbs/draw.ts'

const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as {
  version: string
}

const program = new Command('borderpost')
  .description('A complete Internet email system, built from the roles that make email.')
  .version(version)
  .showHelpAfterError()
  .exitOverride()

/** Sets the exit code that the verb gives; everything that is heavy is loaded by its verb. */
const verb = (run: () => Promise<number> | number) => async () => {
  process.exitCode = await run()
}

program
  .command('demo')
  .description("run the article's own email system on this computer, with real mail")
  .argument('[file]', 'another description to run on loopback')
  .option('--folder <dir>', 'where everything is written (default: ./borderpost-demo)')
  .option('--json', 'print one line of JSON when ready, for scripts', false)
  .action((file, options) => verb(async () => (await import('./verbs/demo.ts')).demo({ file, ...options }))())

program
  .command('serve')
  .description('run those agents of a description that have an address of this machine, on the open Internet')
  .argument('<file>', 'the description')
  .requiredOption('--folder <dir>', 'where mail, keys and certificates are kept')
  .option('--dns <address>', 'ask this name server, port after a colon (default: those of this machine)')
  .option('--port-offset <n>', 'added to every port, to try a system out', '0')
  .option('--json', 'the log as lines of JSON', false)
  .action((file, options) => verb(async () => (await import('./verbs/serve.ts')).serve(file, options))())

program
  .command('dns')
  .description('the records that the agents of a description must publish, and why; or whether the world sees them')
  .argument('<file>', 'the description')
  .requiredOption('--folder <dir>', 'where the keys are kept; they are made when missing')
  .option('--check', 'ask DNS, and say what is right, missing or different', false)
  .option('--dns <address>', 'ask this name server, port after a colon (default: those of this machine)')
  .option('--json', 'the result as JSON', false)
  .action((file, options) => verb(async () => (await import('./verbs/dns.ts')).dns(file, options))())

program
  .command('explain')
  .description('a description in plain words: who answers for what, who can trust whom, what is wrong, what DNS proves')
  .argument('<file>', "description, or '-' for standard input")
  .argument('[domain]', 'only what is published for this domain, and what it proves')
  .option('--folder <dir>', 'where the keys are kept: then they are explained, too')
  .option('--json', 'the result as JSON', false)
  .action((file, domain, options) =>
    verb(async () =>
      domain === undefined
        ? (await import('./verbs/explain-system.ts')).explainSystem(file, options, print)
        : (await import('./verbs/explain.ts')).explain(file, domain, options, print),
    )(),
  )

program
  .command('check')
  .description('say what is wrong with a description, where, and what to do')
  .argument('<file>', "description, or '-' for standard input")
  .option('--json', 'findings as JSON', false)
  .option('--fix', 'write into the file what there is only one way to mend', false)
  .action((file, options) =>
    verb(() => {
      if (options.fix && file === '-') {
        console.error('--fix needs a file that it can write into.')
        return EXIT.usage
      }
      if (options.fix && !mendFile(file)) return EXIT.usage
      const description = readDescription(file)
      if (description === undefined) return EXIT.usage
      const { source, model } = description
      // Say what would keep it from running, too.
      const findings = [...description.findings, ...(isMeantToRun(model) ? planSystem(model).findings : [])]
      if (options.json) console.log(JSON.stringify(findings))
      else printFindings(findings, source, file, (text) => process.stdout.write(text))
      const errors = findings.filter(({ severity }) => severity === 'error').length
      if (!options.json)
        console.log(
          findings.length === 0
            ? 'No findings.'
            : `${findings.length} finding${findings.length === 1 ? '' : 's'}, ${errors} of them errors.`,
        )
      return errors > 0 ? EXIT.findings : EXIT.ok
    })(),
  )

program
  .command('fmt')
  .description('write a description in its normal form')
  .argument('<file>', "description, or '-' for standard input")
  .option('--style <style>', 'flat or drawn')
  .option('-w, --write', 'write it back to the file', false)
  .action((file, options) =>
    verb(() => {
      if (options.style !== undefined && !['flat', 'drawn'].includes(options.style)) {
        console.error('A style is flat or drawn.')
        return EXIT.usage
      }
      const description = readDescription(file)
      if (description === undefined) return EXIT.usage
      const text = format(description.model, options.style as Style | undefined)
      if (options.write && file !== '-') writeFileSync(file, text)
      else process.stdout.write(text)
      const errors = description.model.findings.filter(({ severity }) => severity === 'error')
      return printFindings(errors, description.source, file, (line) => process.stderr.write(line)) > 0
        ? EXIT.findings
        : EXIT.ok
    })(),
  )

program
  .command('draw')
  .description('draw a description as a picture, or in the language of another drawing tool')
  .argument('<file>', "description, or '-' for standard input")
  .option('-f, --format <format>', FORMATS, 'svg')
  .option('-o, --output <file>', 'where to write it (default: standard output)')
  .option('--theme <theme>', 'of a picture: auto (the reader decides; a PNG is light), light or dark', 'auto')
  .option('--layer <layers>', `what is shown beside the flows: ${LAYER_WORDS.join(', ')}`, 'all')
  .option('--scale <n>', 'pixels of a PNG for each one of the SVG', '2')
  .action((file, options) => verb(() => drawFile(file, options))())

program
  .command('simulate')
  .description('send a letter along every flow of a description, and show what becomes of SPF, DKIM, DMARC and ARC')
  .argument('<file>', "description, or '-' for standard input; what is not written is assumed")
  .option('--seed <seed>', 'of everything that is left to chance', '1')
  .option(
    '--what-if <switches>',
    'turn switches and show which cells change: srs=no,arc=no,dkim=no,trust=no,old:modifies=footer',
  )
  .option(
    '--messages <n>',
    'days of traffic instead: so many messages of honest people, spammers, forgers and a botnet',
  )
  .option('--days <n>', 'in how many days they come', '1')
  .option('--faults <list>', 'what goes wrong meanwhile: outage,latency,loss,crash,diskfull,clock,dns,slow', '')
  .option('--mix <shares>', 'of which kinds: honest=60,spam=15,forged=10,botnet=15, also stolen= and relayed=')
  .option('--plot <file>', 'write the queue lengths over time as a picture (SVG)')
  .option('--coarse', 'flows between populations (population=, people=) instead of letters between agents', false)
  .option('--calibrate <n>', 'messages that the parameters of the coarse level are measured on', '1000')
  .option('--parameters <file>', 'parameters of the coarse level: read if the file is there, else written')
  .option('--outages <n>', 'of each agent of the coarse level in a day, on average', '0.05')
  .option('--send', 'run it as real agents on this computer, too, and compare every cell', false)
  .option('--replay', 'print what was said between the agents', false)
  .option('--json', 'lines of JSON; the last one has the hash of everything that happened', false)
  .action((file, options) => verb(async () => (await import('./verbs/simulate.ts')).simulateVerb(file, options))())

program
  .command('experiment')
  .description('run a study of email systems from a file (see experiments/), and write its table and its plot')
  .argument('<file>', 'the experiment (YAML): question, system, what varies, what is measured')
  .option('--seed <seed>', 'of everything that is left to chance (default: what the file says)')
  .option('--messages <n>', 'of each point (default: what the file says)')
  .option('--level <level>', 'fine, letter by letter, or coarse, by flows (default: what the file says)')
  .option('-o, --output <folder>', 'where table (CSV) and plot (SVG) go (default: beside the file)')
  .option('--json', 'the points as lines of JSON', false)
  .action((file, options) => verb(async () => (await import('./verbs/experiment.ts')).experimentVerb(file, options))())

program
  .command('gallery')
  .description('simulate every description of a folder, run it on this computer, and compare prediction and reality')
  .argument('[folder]', 'of descriptions (default: the gallery that comes with Borderpost)')
  .option('--seed <seed>', 'of the simulated world', '1')
  .action((folder, { seed }) => verb(async () => (await import('./verbs/gallery.ts')).gallery(folder, seed))())

program
  .command('trace')
  .description('show how a message came: the path from its Received lines, what is verified and what only claimed')
  .argument('<file>', "message (.eml), an mbox of many, or '-' for standard input")
  .option('--trusted <host...>', 'hosts of your own Border, whose lines are believed')
  .option('-o, --output <file>', 'write the picture (SVG)')
  .option('--verify', 'ask DNS for the keys of its signatures; without it nobody is asked', false)
  .option('--dns <address>', 'ask this server for them, port after a colon')
  .option('--json', 'the result as JSON', false)
  .action((file, options) => verb(async () => (await import('./verbs/trace.ts')).traceVerb(file, options))())

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
  .action((file, options) => verb(async () => (await import('./verbs/verify.ts')).verify(file, options))())

const store = program.command('store').description('look after what an agent keeps')
const folderOf = 'folder of an agent'
const print = (text: string) => process.stdout.write(text)
store
  .command('verify')
  .description('say whether everything that is kept is sound; the agent may be running')
  .argument('<folder>', `${folderOf}, or of a system`)
  .action((folder) => verb(async () => (await import('./verbs/store.ts')).verify(folder, print))())
store
  .command('rebuild')
  .description('make every index anew from the bodies and the journal')
  .argument('<folder>', `${folderOf} that is stopped, or of a system`)
  .action((folder) => verb(async () => (await import('./verbs/store.ts')).rebuild(folder, print))())
store
  .command('backup')
  .description('copy what is new to another folder, while the agent runs')
  .argument('<folder>', folderOf)
  .argument('<to>', 'the folder of the backup, made when missing')
  .action((folder, to) => verb(async () => (await import('./verbs/store.ts')).backup(folder, to, print))())
store
  .command('restore')
  .description('bring a backup back into a folder that holds no store')
  .argument('<backup>', 'the folder of the backup')
  .argument('<folder>', `${folderOf} to be`)
  .action((from, folder) => verb(async () => (await import('./verbs/store.ts')).restore(from, folder, print))())
store
  .command('rekey')
  .description('encrypt everything that is kept, or encrypt it with another key')
  .argument('<folder>', `${folderOf} that is stopped`)
  .option(
    '--key <place>',
    'where the key of a store is that was not encrypted: the path of a file, or env:NAME',
    'folder',
  )
  .action((folder, { key }) => verb(async () => (await import('./verbs/store.ts')).rekey(folder, key, print))())

store
  .command('move')
  .description(
    'change where a store is: into PostgreSQL, back into a folder, or its bodies alone; goes on where it stopped',
  )
  .argument('<folder>', `${folderOf} that is stopped`)
  .option('--to <place>', '"postgres://user@host/database", or "folder"')
  .option('--bodies <place>', '"https://host/bucket", or "database"')
  .option('--domain <domain>', "the agent's domain (default: that of its postmaster)")
  .action((folder, wish) => verb(async () => (await import('./verbs/store.ts')).move(folder, wish, print))())

const queue = program.command('queue').description('mail that waits to leave an agent, running or stopped')
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
for (const [action, description] of Object.entries(QUEUE_VERBS)) {
  const command = queue
    .command(action)
    .description(description)
    .argument('[numbers...]', 'of messages, as `queue list` shows them')
    .option('--folder <dir>', 'folder of an agent, or of a system', './borderpost-demo')
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
    verb(async () => (await import('./verbs/queue.ts')).queue(action, numbers, options, print))(),
  )
}

queue
  .command('pools')
  .description('the addresses that mail of a running agent leaves from: warming up, sent today, where they rest')
  .option('--folder <dir>', 'folder of an agent, or of a system', './borderpost-demo')
  .option('--agent <id>', 'of a system: this agent only')
  .option('--json', 'the result as JSON', false)
  .action((options) => verb(async () => (await import('./verbs/queue.ts')).queue('pools', [], options, print))())

const outgoing = program
  .command('outgoing')
  .description('who was slowed, held or suspended because of what left from there')
const OUTGOING_VERBS = {
  list: 'who, since when and why, and how much is held',
  release: 'what is held leaves, and mail goes on',
  resume: 'mail goes on; what is held stays held',
  suspend: 'nothing to others is taken any more',
  fail: 'what is held goes back to its sender',
} as const
for (const [action, description] of Object.entries(OUTGOING_VERBS))
  outgoing
    .command(action)
    .description(description)
    .argument(action === 'list' ? '[who]' : '<who>', 'an address, or the @id of a partner')
    .option('--folder <dir>', 'folder of an agent, or of a system', './borderpost-demo')
    .option('--json', 'the result as JSON', false)
    .action((who: string | undefined, options) =>
      verb(async () => (await import('./verbs/outgoing.ts')).outgoing(action, who, options, print))(),
    )

const people = program.command('account').description('the people of an agent, running or stopped')
const inFolder = ['--folder <dir>', 'folder of an agent, or of a system', './borderpost-demo'] as const
type InFolder = { folder: string }
const ask = (folder: string, wish: WishAboutPeople) =>
  verb(async () => (await import('./verbs/account.ts')).account(folder, wish, print))()
people
  .command('deleted')
  .description('what somebody deleted and can have back, the last first')
  .argument('<address>')
  .option(...inFolder)
  .action((address: string, { folder }: InFolder) => ask(folder, { verb: 'deleted', address }))
people
  .command('undelete')
  .description('bring deleted mail back: what `account deleted` names, or all that was deleted since a moment')
  .argument('<address>')
  .argument('[numbers...]', 'as `account deleted` shows them')
  .option('--since <time>', 'all that was deleted since then, such as 2026-11-27T08:00Z')
  .option(...inFolder)
  .action((address: string, numbers: string[], { folder, since }: InFolder & { since?: string }) => {
    const sinceMs = since === undefined ? undefined : Date.parse(since)
    if (Number.isNaN(sinceMs)) {
      console.error(`${since} is no time, such as 2026-11-27T08:00Z.`)
      process.exitCode = 2
      return
    }
    return ask(folder, {
      verb: 'undelete',
      address,
      ids: numbers.map(Number),
      ...(sinceMs !== undefined && { sinceMs }),
    })
  })
people
  .command('list')
  .description('everybody here, with other addresses and groups')
  .option(...inFolder)
  .action(({ folder }: InFolder) => ask(folder, { verb: 'list' }))
people
  .command('add')
  .description('make an account; its password is set with `borderpost password`')
  .argument('<address>', 'an address at the domain of an agent')
  .option('--name <name>', 'as it stands beside the address')
  .option(...inFolder)
  .action((address: string, { folder, name }: InFolder & { name?: string }) =>
    ask(folder, { verb: 'add', address, ...(name !== undefined && { name }) }),
  )
people
  .command('alias')
  .description('another address for an account')
  .argument('<address>', 'of the account')
  .argument('<alias>', "the other address, or '@domain' for what is for nobody else there")
  .option('--remove', 'take it away', false)
  .option(...inFolder)
  .action((address: string, alias: string, { folder, remove }: InFolder & { remove: boolean }) =>
    ask(folder, { verb: 'alias', address, alias, remove }),
  )
people
  .command('group')
  .description('an address that stands for several; without members it is none any more')
  .argument('<address>', 'of the group')
  .argument('[members...]', 'addresses of accounts or groups here')
  .option('--owner <address>', 'who answers for it (default: the postmaster)')
  .option(...inFolder)
  .action((address: string, members: string[], { folder, owner }: InFolder & { owner?: string }) =>
    ask(folder, { verb: 'group', address, members, ...(owner !== undefined && { owner }) }),
  )
people
  .command('language')
  .description('in which language notifications come to somebody; without one, in that of the message')
  .argument('<address>', 'of the account')
  .argument('[language]', 'en, de, fr, es, it, nl, pl, pt, ru, ja, zh', '')
  .option(...inFolder)
  .action((address: string, language: string, { folder }: InFolder) =>
    ask(folder, { verb: 'language', address, language }),
  )
people
  .command('remove')
  .description('take an account away')
  .argument('<address>', 'of the account')
  .option('--with-mail', 'and all its mail', false)
  .option(...inFolder)
  .action((address: string, { folder, withMail }: InFolder & { withMail: boolean }) =>
    ask(folder, { verb: 'remove', address, withMail }),
  )
people
  .command('no-second-factor')
  .description('turn the second factor off for who has lost the telephone and the recovery codes')
  .argument('<address>', 'of the account')
  .option(...inFolder)
  .action((address: string, { folder }: InFolder) => ask(folder, { verb: 'no-second-factor', address }))
people
  .command('no-passkeys')
  .description('take every passkey of an account away: for one that somebody else was in')
  .argument('<address>', 'of the account')
  .option(...inFolder)
  .action((address: string, { folder }: InFolder) => ask(folder, { verb: 'no-passkeys', address }))
const suppressed = program
  .command('suppressed')
  .description('whom Authors do not write to any more: who was refused for good, or complained')
const forWhom = ['--for <owner>', 'an Author here, or a domain for all its Authors'] as const
type Suppressing = InFolder & { for?: string }
const suppress = (
  action: 'list' | 'add' | 'remove',
  address: string | undefined,
  { folder, for: owner }: Suppressing,
) =>
  verb(async () =>
    (await import('./verbs/suppressed.ts')).suppressed(
      folder,
      { verb: 'suppressed', action, ...(address !== undefined && { address }), ...(owner !== undefined && { owner }) },
      print,
    ),
  )()
suppressed
  .command('list')
  .description('all of them, since when, and why')
  .option(...forWhom)
  .option(...inFolder)
  .action((options: Suppressing) => suppress('list', undefined, options))
suppressed
  .command('add')
  .description('keep an address from being written to')
  .argument('<address>')
  .requiredOption(...forWhom)
  .option(...inFolder)
  .action((address: string, options: Suppressing) => suppress('add', address, options))
suppressed
  .command('remove')
  .description('let it be written to again')
  .argument('<address>')
  .option(...forWhom)
  .option(...inFolder)
  .action((address: string, options: Suppressing) => suppress('remove', address, options))
program
  .command('password')
  .description('set the password of an account: asks for it, or reads a line from standard input')
  .argument('<address>', 'of the account')
  .option(...inFolder)
  .action((address: string, { folder }: InFolder) =>
    verb(async () => {
      const { account, askPassword } = await import('./verbs/account.ts')
      const password = await askPassword()
      return password === undefined ? EXIT.usage : account(folder, { verb: 'password', address, password }, print)
    })(),
  )

const contracts = program
  .command('contract')
  .description('those whose mail a running agent carries: what they may, whether they are proven, what they sent')
contracts
  .command('list')
  .description('every contract, whether its domains are proven, and what it sent today')
  .option(...inFolder)
  .action(({ folder }: InFolder) => ask(folder, { verb: 'contract', what: 'list' }))
for (const [what, description] of [
  ['report', 'what was carried for a contract, day by day'],
  ['suspend', 'take nothing more from a contract'],
  ['resume', 'take its mail again'],
] as const)
  contracts
    .command(what)
    .description(description)
    .argument('<name>', 'of the contract')
    .option(...inFolder)
    .action((name: string, { folder }: InFolder) => ask(folder, { verb: 'contract', what, name }))
contracts
  .command('password')
  .description('set what a contract signs in with: asks for it, or reads a line from standard input')
  .argument('<name>', 'of the contract')
  .option(...inFolder)
  .action((name: string, { folder }: InFolder) =>
    verb(async () => {
      const { account, askPassword } = await import('./verbs/account.ts')
      const password = await askPassword()
      const wish = { verb: 'contract', what: 'password', name } as const
      return password === undefined ? EXIT.usage : account(folder, { ...wish, password }, print)
    })(),
  )

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
    verb(async () => (await import('./verbs/moving.ts')).exportMail(folder, address, to, options, print))(),
  )

program
  .command('import')
  .description('bring mail in: mbox, Maildir, folders or a zip of them; run it again to go on, or for what came since')
  .argument('<folder>', `${folderOf}, running or stopped`)
  .argument('<address>', 'whose account')
  .argument('<from>', 'the file or folder with the mail')
  .option('--into <mailbox>', 'below this mailbox (default: where it was; a single file: INBOX)')
  .option('--json', 'the result as JSON', false)
  .action((folder, address, from, options) =>
    verb(async () => (await import('./verbs/moving.ts')).importMail(folder, address, from, options, print))(),
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
    verb(async () => (await import('./verbs/copy.ts')).copyMail(from, folder, address, options, print))(),
  )

program
  .command('where')
  .description('what became of a message: a sentence, then what happened at each role')
  .argument('<anything>', 'an address, words of the subject, a Message-ID, a name of ours, an IP address, or a reply')
  .option(...inFolder)
  .option('--json', 'the result as JSON', false)
  .action((question: string, options: InFolder & { json: boolean }) =>
    verb(async () => (await import('./verbs/where.ts')).where(question, options, print))(),
  )

program
  .command('reports')
  .description('explain a report (DMARC, TLS, complaint), or show what an agent heard and told of whom')
  .argument('<path...>', "report (.eml, .xml, .json, .gz, .zip; '-' for standard input), or folder of an agent")
  .option('--days <n>', 'of a folder: how far back', '30')
  .option('--json', 'the result as JSON', false)
  .action((paths, options) =>
    verb(async () =>
      (await import('./verbs/reports.ts')).reports(paths, options, (text) => process.stdout.write(text)),
    )(),
  )

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
