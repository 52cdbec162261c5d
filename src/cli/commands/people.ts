// Verbs on those whom an agent serves: its people, the partners whose mail it carries, and what may leave of them.

import type { Command } from 'commander'
import { ask, type InFolder, inFolder, print, verb } from '../command.ts'
import { EXIT } from '../read-description.ts'

const forWhom = ['--for <owner>', 'an Author here, or a domain for all its Authors'] as const
type Suppressing = InFolder & { for?: string }

const OUTGOING_VERBS = {
  list: 'who, since when and why, and how much is held',
  release: 'what is held leaves, and mail goes on',
  resume: 'mail goes on; what is held stays held',
  suspend: 'nothing to others is taken any more',
  fail: 'what is held goes back to its sender',
} as const

/** Declares account, password, suppressed, outgoing and contract. */
export function people(program: Command) {
  const people = program.command('account').description('the people of an agent, running or stopped')
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

  program
    .command('password')
    .description('set the password of an account: asks for it, or reads a line from standard input')
    .argument('<address>', 'of the account')
    .option(...inFolder)
    .action((address: string, { folder }: InFolder) =>
      verb(async () => {
        const { account, askPassword } = await import('../verbs/account.ts')
        const password = await askPassword()
        return password === undefined ? EXIT.usage : account(folder, { verb: 'password', address, password }, print)
      })(),
    )

  const suppressed = program
    .command('suppressed')
    .description('whom Authors do not write to any more: who was refused for good, or complained')
  const suppress = (
    action: 'list' | 'add' | 'remove',
    address: string | undefined,
    { folder, for: owner }: Suppressing,
  ) =>
    verb(async () =>
      (await import('../verbs/suppressed.ts')).suppressed(
        folder,
        {
          verb: 'suppressed',
          action,
          ...(address !== undefined && { address }),
          ...(owner !== undefined && { owner }),
        },
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

  const outgoing = program
    .command('outgoing')
    .description('who was slowed, held or suspended because of what left from there')
  for (const [action, description] of Object.entries(OUTGOING_VERBS))
    outgoing
      .command(action)
      .description(description)
      .argument(action === 'list' ? '[who]' : '<who>', 'an address, or the @id of a partner')
      .option(...inFolder)
      .option('--json', 'the result as JSON', false)
      .action((who: string | undefined, options) =>
        verb(async () => (await import('../verbs/outgoing.ts')).outgoing(action, who, options, print))(),
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
        const { account, askPassword } = await import('../verbs/account.ts')
        const password = await askPassword()
        const wish = { verb: 'contract', what: 'password', name } as const
        return password === undefined ? EXIT.usage : account(folder, { ...wish, password }, print)
      })(),
    )
}
