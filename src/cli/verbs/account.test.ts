import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'

import { Connections } from '../../roles/connections.ts'
import { contractAddress } from '../../roles/contract-account.ts'
import { Passwords } from '../../roles/passwords.ts'
import { openStore } from '../../store/embedded.ts'
import { UNDELETE } from '../../store/nouns/mail.ts'
import { deliver, makeAccount } from '../../store/testing.ts'
import { ADMIN_SOCKET, openAdminDoor } from '../../system/admin-door.ts'
import { worldOf } from '../agents-in.ts'
import { account, askPassword, type WishAboutPeople } from './account.ts'

function home(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-people-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

test('people of an agent that is stopped, and of one that runs: the same words', async (t) => {
  const folder = home(t)
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  let printed = ''
  const say = async (wish: WishAboutPeople) => {
    printed = ''
    complaints.length = 0
    const code = await account(folder, wish, (text) => {
      printed += text
    })
    return `${code} ${printed}${complaints.join()}`.trim()
  }
  for (const domain of ['here.test', 'there.test']) {
    const store = await openStore(worldOf(join(folder, domain)))
    await makeAccount(store, `postmaster@${domain}`)
    await store.close()
  }
  assert.equal(
    await say({ verb: 'add', address: 'Ann@here.test', name: 'Ann\x1b[2J' }),
    '0 ann@here.test is here; it has no password yet: borderpost password ann@here.test.',
  )
  assert.equal(await say({ verb: 'add', address: 'ann@here.test' }), '1 The address ann@here.test is taken.')
  assert.match(
    await say({ verb: 'add', address: 'ann@nowhere.test' }),
    /^2 No agent in .* handles mail of nowhere\.test\./,
  )

  const world = worldOf(join(folder, 'here.test'))
  const path = join(folder, 'here.test', ADMIN_SOCKET)
  const passwords = new Passwords(world, Buffer.from('secret'), 10)
  const store = await openStore(world)
  // A process that holds the store and has no door says so; what a dead one left behind is replaced.
  assert.match(await say({ verb: 'list' }), /^1 .* is (already )?held by .* stop it first\.$/)
  const left = await openAdminDoor(
    { store, world, accounts: { passwords, passwordChanged: () => {}, connections: new Connections() } },
    path,
  )
  const door = await openAdminDoor(
    { store, world, accounts: { passwords, passwordChanged: () => {}, connections: new Connections() } },
    path,
  )
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(
    await say({ verb: 'password', address: 'ann@here.test', password: 'secret' }),
    '0 ann@here.test has a new password.',
  )
  const ann = store.accountByAddress('ann@here.test')!
  assert.ok((await passwords.check('ann@here.test', ann.credentials!, 'secret')).isRight)
  assert.match(
    await say({ verb: 'password', address: 'ann@here.test', password: 'bell\x07' }),
    /^1 That cannot be a password/,
  )
  assert.equal(
    await say({ verb: 'alias', address: 'ann@here.test', alias: 'a@here.test' }),
    '0 a@here.test leads to ann@here.test.',
  )
  assert.equal(
    await say({ verb: 'alias', address: 'ann@here.test', alias: '@here.test' }),
    '0 What is for nobody else at here.test goes to ann@here.test.',
  )
  assert.match(
    await say({ verb: 'alias', address: 'ann@here.test', alias: 'a@there.test' }),
    /^1 This agent does not handle/,
  )
  assert.equal(
    await say({ verb: 'group', address: 'all@here.test', members: ['a@here.test', 'postmaster@here.test'] }),
    '0 all@here.test stands for a@here.test, postmaster@here.test; postmaster@here.test answers for it.',
  )
  assert.match(await say({ verb: 'group', address: 'x@here.test', members: ['none@here.test'] }), /^1 Nobody here has/)
  assert.equal(
    await say({ verb: 'list' }),
    [
      '0 postmaster@here.test  Bob  (no password)',
      'ann@here.test  Ann?[2J  also a@here.test, everything else at here.test',
      'all@here.test  group of a@here.test, postmaster@here.test  owner postmaster@here.test',
      'postmaster@there.test  Bob  (no password)',
    ].join('\n'),
  )
  await store.commit([{ kind: 'setting.put', key: UNDELETE, value: 'yes' }])
  const mail = await deliver(store, ann.id, 'Subject: keep me\r\n\r\n')
  await store.commit([{ kind: 'email.destroy', account: ann.id, email: mail.emailId!, nowMs: Date.UTC(2026, 10, 27) }])
  const shown = new RegExp(`^0 ${mail.emailId} {2}2026-11-27T00:00:00.000Z {2}INBOX {2}alice@sender.test {2}Greetings$`)
  assert.match(await say({ verb: 'deleted', address: 'ann@here.test' }), shown)
  const since = (day: number) => say({ verb: 'undelete', address: 'ann@here.test', sinceMs: Date.UTC(2026, 10, day) })
  assert.equal(await since(28), '1 None of these can be brought back.')
  assert.equal(await since(26), '0 1 back with ann@here.test.')
  assert.match(await say({ verb: 'deleted', address: 'ann@here.test' }), /^0 Nothing of ann@here\.test/)
  assert.match(await say({ verb: 'undelete', address: 'ann@here.test', ids: [mail.emailId!] }), /^1 None/)
  assert.match(
    await say({ verb: 'remove', address: 'ann@here.test' }),
    /^1 ann@here\.test has 1 messages here: say --with-mail/,
  )
  assert.match(
    await say({ verb: 'remove', address: 'postmaster@here.test', withMail: true }),
    /^1 A postmaster must be/,
  )
  assert.equal(
    await say({ verb: 'alias', address: 'ann@here.test', alias: 'a@here.test', remove: true }),
    '0 a@here.test is no address of ann@here.test any more.',
  )
  assert.equal(
    await say({ verb: 'remove', address: 'ann@here.test', withMail: true }),
    '0 ann@here.test is gone, with all its mail.',
  )
  assert.equal(
    await say({ verb: 'group', address: 'all@here.test', members: [] }),
    '0 all@here.test is no group any more.',
  )
  await door.close()
  await left.close()
  await store.close()
})

test('a wish that makes no sense changes nothing and is answered', async (t) => {
  const folder = home(t)
  const world = worldOf(folder)
  const store = await openStore(world)
  const path = join(folder, ADMIN_SOCKET)
  const door = await openAdminDoor({ store, world }, path)
  // Also after a failure: an open store would keep the process alive.
  t.after(async () => {
    await door.close()
    await store.close()
  })
  const tell = async (text: string) => {
    const stream = await world.network.connect({ path }, { timeoutMs: 1000 })
    await stream.write(Buffer.from(text))
    stream.end()
    const heard = Buffer.from((await stream.read(5000)) ?? []).toString()
    stream.destroy()
    return heard
  }
  for (const nonsense of ['{', 'null\n', '{"verb":"toString"}\n', '{"verb":"add","address":7}\n', ''])
    assert.match(await tell(nonsense), /^\{"ok":false,"text":"[^"]+/, nonsense)
  await door.close()
  writeFileSync(path, 'no socket')
  await assert.rejects(openAdminDoor({ store, world }, path), /in use|already/i)
  const deep = join(folder, 'x'.repeat(120))
  await assert.rejects(openAdminDoor({ store, world }, deep), /too long for a socket/)
})

test('a password that is piped in is its first line', async () => {
  const input = new PassThrough()
  input.end('correct horse\nnoise\n')
  assert.equal(await askPassword(input as never), 'correct horse')
})

test('contracts of an agent that is stopped: counted, suspended and opened again; what needs the agent says so', async (t) => {
  const folder = home(t)
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  let printed = ''
  const say = async (wish: Parameters<typeof account>[1]) => {
    printed = ''
    complaints.length = 0
    const code = await account(folder, wish, (text) => {
      printed += text
    })
    return `${code} ${printed}${complaints.join()}`.trim()
  }
  const world = worldOf(join(folder, 'here.test'))
  const store = await openStore(world)
  await makeAccount(store, 'postmaster@here.test')
  await makeAccount(store, contractAddress('acme'))
  const day = Math.floor(world.clock.now() / 86_400_000)
  await store.commit([
    { kind: 'contract.count', name: 'acme', day, minute: 0, counts: { messages: 2, recipients: 3, delivered: 1 } },
  ])
  await store.close()
  assert.equal(await say({ verb: 'contract', what: 'list' }), '0 acme  open  today 2 messages, 0 refused')
  assert.match(
    await say({ verb: 'contract', what: 'report', name: 'ACME' }),
    /^0 \d{4}-\d\d-\d\d {2}2 messages to 3 recipients, 0 refused; 1 delivered, 0 returned$/,
  )
  assert.equal(await say({ verb: 'contract', what: 'suspend', name: 'acme' }), '0 Nothing more is taken from acme.')
  assert.match(await say({ verb: 'contract', what: 'list' }), /^0 acme {2}suspended/)
  assert.equal(await say({ verb: 'contract', what: 'resume', name: 'acme' }), '0 Mail of acme is taken again.')
  assert.match(
    await say({ verb: 'contract', what: 'password', name: 'acme', password: 'x' }),
    /^1 The agent is stopped/,
  )
  assert.equal(
    await say({ verb: 'contract', what: 'report', name: 'else' }),
    '1 There is no contract called else here.',
  )
  // What keeps a contract's mail is nobody who lives here.
  assert.doesNotMatch(await say({ verb: 'list' }), /contract/)
})
