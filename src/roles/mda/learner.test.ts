// What Recipients do with their mail decides where the next such mail goes: through every role, in the simulated world.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reputation } from '../../filter/reputation.ts'
import { Classifier } from '../../filter/statistics/classifier.ts'
import { serveImap } from '../../protocols/imap/serve.ts'
import { handleRequest } from '../../protocols/jmap/request.ts'
import { CORE, MAIL } from '../../protocols/jmap/types.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { MemoryClient } from '../../protocols/testing.ts'
import type { EmbeddedStore } from '../../store/embedded.ts'
import { checkStore } from '../../store/upkeep/check.ts'
import { domainAt, type Found, TestSystem } from '../../system/testing.ts'
import type { SimulatedHost } from '../../world/simulated/host.ts'

const PEOPLE = ['bob', 'carol', 'dave', 'erin'] as const
type Person = (typeof PEOPLE)[number]
const addressOf = (person: Person) => `${person}@recipient.test`

const SYSTEM = `
${PEOPLE.map((person) => `--> / --> Receiver/MDA@recipient ==> Recipient@${person}`).join('\n\n')}

recipient: domain=recipient.test, ip=127.0.20.1
${PEOPLE.map((person) => `${person}: address=${addressOf(person)}, password=demo`).join('\n')}
`

const COMMON = 'the and we you please today of with for it this all new one list when there have had been'.split(' ')
const MINUTE_MS = 60_000

type Kind = 'shop' | 'choir'

class House {
  readonly world: TestSystem
  readonly #hosts: Record<Kind, SimulatedHost>
  #count = 0

  private constructor(world: TestSystem) {
    this.world = world
    this.#hosts = {
      shop: world.stranger('192.0.2.10', domainAt('shop.test', '192.0.2.10')),
      choir: world.stranger('192.0.2.20', domainAt('choir.test', '192.0.2.20')),
    }
  }

  static start = async () => new House(await TestSystem.start(SYSTEM))

  get agent() {
    return this.world.agent('recipient')
  }

  /** One more letter of a kind, no two alike. */
  async send(kind: Kind, to: readonly Person[]): Promise<void> {
    const n = ++this.#count
    const words = Array.from({ length: 60 }, (_, i) => {
      const at = (i * 7 + n * 13 + ((i * n) % 11)) % 40
      return at < 20 ? `${kind}word${at}` : COMMON[at - 20]
    })
    const text = `From: ${kind} <news@${kind}.test>\nTo: ${to.map(addressOf).join(', ')}\nSubject: ${kind} news ${n}\nDate: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <${n}@${kind}.test>\n\n${words.join(' ')}.\n`
    const replies = await this.world.send(this.#hosts[kind], 'recipient', 'smtp', {
      from: `news@${kind}.test`,
      to: to.map(addressOf),
      helo: `mail.${kind}.test`,
      text,
    })
    for (const one of replies) assert.match(one, /^250 /)
  }

  async sendMany(kind: Kind, to: readonly Person[], count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.send(kind, to)
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.#hosts.shop.world.clock.sleep(ms), 2 * ms)
  }

  mail = (person: Person, use: 'inbox' | 'junk'): Promise<Found[]> =>
    this.world.mail('recipient', addressOf(person), use)

  /** Where the newest letter went. */
  async newest(person: Person): Promise<Found & { readonly use: 'inbox' | 'junk' }> {
    const subject = new RegExp(`Subject: \\w+ news ${this.#count}\\r\\n`)
    for (const use of ['inbox', 'junk'] as const) {
      const found = (await this.mail(person, use)).find(({ text }) => subject.test(text))
      if (found !== undefined) return { ...found, use }
    }
    throw new Error('it is nowhere')
  }

  /** Commands of a mail program, signed in. */
  async imap(person: Person, ...commands: string[]): Promise<void> {
    const client = new MemoryClient()
    const { accounts } = this.world.system.agent('recipient')
    const options = {
      store: this.agent.store,
      accounts: accounts.at('imap'),
      allowPlaintext: true,
      report: (error: unknown) => assert.fail(String(error)),
    }
    const work = async () => {
      await client.line()
      for (const command of [`LOGIN ${addressOf(person)} demo`, ...commands])
        assert.match((await client.command(command)).at(-1)!, /^a OK/)
    }
    void serveImap(client.stream, options, this.agent.world)
    await this.world.run(work())
    client.hangUp()
  }

  /** Moves every email of a mailbox to another by Email/set, as the webmail does. */
  async jmapMove(person: Person, from: 'inbox' | 'junk', to: 'inbox' | 'junk', only: RegExp): Promise<void> {
    const { store, world } = this.agent
    const account = store.accountByAddress(addressOf(person))!
    const box = (use: string) => store.mailboxByUse(account.id, use)!.id
    const emails = store
      .placements(account.id, box(from))
      .map(({ email }) => store.email(account.id, email)!)
      .filter(({ subject }) => only.test(subject))
    const update = Object.fromEntries(emails.map(({ id }) => [`e${id}`, { mailboxIds: { [`m${box(to)}`]: true } }]))
    const backend = { store, account, world, submit: async () => ({ reply: reply(250, '2.0.0', ''), trace: '' }) }
    const call = ['Email/set', { accountId: `a${account.id}`, update }, '0'] as const
    const body = Buffer.from(JSON.stringify({ using: [CORE, MAIL], methodCalls: [call] }))
    const result = await this.world.run(handleRequest(backend, body))
    assert.ok('response' in result, JSON.stringify(result))
    const [, answer] = result.response.methodResponses[0]!
    assert.equal(Object.keys((answer as { updated: object }).updated).length, emails.length)
  }

  /** Lessons that are in the Recipient's saved state. */
  saved(person: Person): { spam: number; wanted: number } {
    const account = this.agent.store.accountByAddress(addressOf(person))!
    const state = this.agent.store.learnedState(account.id)
    const classifier = state === undefined ? undefined : Classifier.fromBytes(Buffer.from(state))
    return { spam: classifier?.spamSeen ?? 0, wanted: classifier?.hamSeen ?? 0 }
  }

  async end(): Promise<void> {
    assert.deepEqual(this.world.complaints, [])
    assert.deepEqual(await this.world.run(checkStore(this.agent.store as EmbeddedStore)), [])
  }
}

/** By IMAP, everything in the inbox: the first half to Junk, the second half answered. */
const halfToJunk = (house: House, person: Person, half: number) =>
  house.imap(person, 'SELECT INBOX', `UID STORE ${half + 1}:* +FLAGS (\\Answered)`, `UID MOVE 1:${half} Junk`)

test('by IMAP: what Bob moves to Junk goes there the next time, and not with Carol in the same transaction', async () => {
  const house = await House.start()
  await house.sendMany('shop', ['bob', 'carol'], 10)
  await house.sendMany('choir', ['bob', 'carol'], 10)
  assert.equal((await house.mail('bob', 'inbox')).length, 20)
  await halfToJunk(house, 'bob', 10)
  await house.pass(MINUTE_MS)
  await house.send('shop', ['bob', 'carol'])
  const bobs = await house.newest('bob')
  assert.equal(bobs.use, 'junk')
  assert.match(bobs.verdict!.reason, /looks like spam.*Your earlier decisions say that mail like this is unwanted$/)
  const hit = bobs.verdict!.rules!.find(({ id }) => id === 'learned-unwanted')!
  assert.equal(hit.explanation, 'Your earlier decisions say that mail like this is unwanted.')
  assert.ok(hit.points >= 4, `${hit.points}`)
  const carols = await house.newest('carol')
  assert.equal(carols.use, 'inbox')
  assert.equal(
    carols.verdict!.rules!.find(({ id }) => id.startsWith('learned')),
    undefined,
  )
  await house.send('choir', ['bob'])
  assert.equal((await house.newest('bob')).use, 'inbox')
  await house.end()
})

test('by JMAP: to Junk, and a move back corrects it', async () => {
  const house = await House.start()
  await house.sendMany('shop', ['carol'], 10)
  await house.sendMany('choir', ['carol'], 10)
  await house.imap('carol', 'SELECT INBOX', 'UID STORE 11:* +FLAGS (\\Flagged)')
  await house.jmapMove('carol', 'inbox', 'junk', /^shop/)
  await house.pass(MINUTE_MS)
  await house.send('shop', ['carol', 'bob'])
  assert.equal((await house.newest('carol')).use, 'junk')
  assert.equal((await house.newest('bob')).use, 'inbox')
  // She has changed her mind.
  await house.jmapMove('carol', 'junk', 'inbox', /^shop/)
  await house.pass(MINUTE_MS)
  await house.send('shop', ['carol'])
  assert.equal((await house.newest('carol')).use, 'inbox')
  await house.end()
})

test('what was moved is learned once, whenever the machine crashes', async () => {
  const house = await House.start()
  await house.sendMany('shop', ['bob', 'carol'], 10)
  await house.sendMany('choir', ['bob', 'carol'], 10)
  const crash = async () => {
    house.world.system.crash('recipient')
    await house.world.run(house.world.system.restart('recipient'))
  }
  // Moved, and nothing of it learned yet.
  await halfToJunk(house, 'bob', 10)
  assert.equal(house.agent.store.lessons(0, 100).length, 20)
  await crash()
  assert.equal(house.agent.store.lessons(0, 100).length, 20)
  await house.pass(10_000)
  await house.send('shop', ['bob', 'carol'])
  assert.equal((await house.newest('bob')).use, 'junk')
  assert.equal((await house.newest('carol')).use, 'inbox')
  // Learned, and not saved yet.
  assert.deepEqual(house.saved('bob'), { spam: 0, wanted: 0 })
  await crash()
  await house.pass(10_000)
  await house.send('shop', ['bob'])
  assert.equal((await house.newest('bob')).use, 'junk')
  // Learned and saved.
  await house.pass(10 * MINUTE_MS)
  assert.deepEqual(house.saved('bob'), { spam: 10, wanted: 10 })
  assert.equal(house.agent.store.lessons(0, 100).length, 0)
  await crash()
  await house.pass(10 * MINUTE_MS)
  assert.deepEqual(house.saved('bob'), { spam: 10, wanted: 10 })
  await house.send('shop', ['bob'])
  assert.equal((await house.newest('bob')).use, 'junk')
  await house.end()
})

test('what several people call spam goes into Junk for one who has taught nothing; what one does, does not', async () => {
  const house = await House.start()
  const teachers = ['bob', 'carol', 'dave'] as const
  await house.sendMany('shop', teachers, 25)
  await house.sendMany('choir', teachers, 25)
  await halfToJunk(house, 'bob', 25)
  await house.pass(5 * MINUTE_MS)
  await house.send('shop', ['erin'])
  assert.equal((await house.newest('erin')).use, 'inbox')
  await halfToJunk(house, 'carol', 25)
  await halfToJunk(house, 'dave', 25)
  await house.pass(5 * MINUTE_MS)
  await house.send('shop', ['erin'])
  const erins = await house.newest('erin')
  assert.equal(erins.use, 'junk')
  assert.match(erins.verdict!.reason, /Decisions of the Recipients here say that mail like this is unwanted$/)
  // She takes it out, and from then on it is hers.
  await house.jmapMove('erin', 'junk', 'inbox', /./)
  await house.pass(MINUTE_MS)
  await house.send('shop', ['erin'])
  assert.equal((await house.newest('erin')).use, 'inbox')
  await house.send('choir', ['erin'])
  assert.equal((await house.newest('erin')).use, 'inbox')
  await house.end()
})

test('mail that was read and kept for days is wanted: who only ever complains teaches both', async () => {
  const house = await House.start()
  await house.sendMany('shop', ['bob'], 10)
  await house.sendMany('choir', ['bob'], 10)
  await house.imap('bob', 'SELECT INBOX', 'UID STORE 11:* +FLAGS (\\Seen)', 'UID MOVE 1:10 Junk')
  await house.pass(10 * MINUTE_MS)
  await house.send('shop', ['bob'])
  assert.equal((await house.newest('bob')).use, 'inbox')
  await house.pass(4 * 86_400_000)
  assert.deepEqual(house.saved('bob'), { spam: 10, wanted: 10 })
  await house.send('shop', ['bob'])
  assert.equal((await house.newest('bob')).use, 'junk')
  await house.pass(4 * 86_400_000)
  // What our own verdict put there taught nothing.
  assert.deepEqual(house.saved('bob'), { spam: 10, wanted: 10 })
  await house.end()
})

test('what people call junk counts against the name of a proven sender, a person once for each message', async () => {
  const house = await House.start()
  const standing = () =>
    new Reputation(house.agent.memory, house.agent.world.clock).standing({ provenDomain: 'shop.test' }).score
  await house.sendMany('shop', ['bob'], 10)
  assert.ok(standing() > 0.8)
  await house.imap('bob', 'SELECT INBOX', 'UID MOVE 1:10 Junk')
  await house.pass(10 * MINUTE_MS)
  // Ten good, and ten that were not.
  assert.ok(Math.abs(standing()) < 0.01, String(standing()))
  await house.end()
})
