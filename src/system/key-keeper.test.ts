// A year of keys in the simulated world: an administrator who publishes late, a secondary name server that lags, servers
// that are away, records that somebody deletes, a machine that crashes. And the keeper in a whole system.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { signDkim } from '../identity/dkim/sign.ts'
import { verifyDkim } from '../identity/dkim/verify.ts'
import { parseHeader } from '../message/header.ts'
import { Resolver, type ResolverOptions } from '../protocols/dns/resolver.ts'
import { startDnsServer } from '../protocols/dns/server.ts'
import { type ZoneRecord, ZoneTable } from '../protocols/dns/zone.ts'
import { type Simulation, simulate } from '../world/simulated/simulation.ts'
import { KeyKeeper } from './key-keeper.ts'
import { type KnownKey, secretsOf } from './secrets.ts'
import { TestSystem, TWO_AGENTS } from './testing.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const DOMAIN = 'sender.test'
const SERVERS = ['198.51.100.1', '198.51.100.2'] as const
const NAMES = {
  domain: DOMAIN,
  hostName: 'mail.sender.test',
  ip: '192.0.2.1',
  signsFor: [{ domain: DOMAIN, suffix: '' }],
}
const MESSAGE = Buffer.from('From: anna@sender.test\r\nTo: bob@recipient.test\r\nSubject: hello\r\n\r\nHello\r\n')

/** Two name servers of a domain, each showing what it was last given, and who lives off them. */
class Stage {
  readonly simulation: Simulation
  readonly tables = SERVERS.map(() => new ZoneTable([{ origin: '', records: [] }]))
  /** When both servers showed this record for the first time. */
  readonly firstShown = new Map<string, number>()
  readonly #shown: Set<string>[] = [new Set(), new Set()]
  readonly #others: readonly ZoneRecord[] = SERVERS.flatMap((address, index): ZoneRecord[] => [
    { name: DOMAIN, type: 'NS', ttlS: 3600, data: `ns${index}.${DOMAIN}` },
    { name: `ns${index}.${DOMAIN}`, type: 'A', ttlS: 3600, data: address },
  ])

  constructor(seed: number) {
    this.simulation = simulate({ seed })
  }

  async open(): Promise<void> {
    for (const [index, address] of SERVERS.entries()) {
      const { network } = this.simulation.host(`ns${index}`, [address]).world
      await this.simulation.finish(startDnsServer({ network, at: { address, port: 53 }, zones: this.tables[index]! }))
      this.show(index, [])
    }
  }

  show(server: number, keys: readonly ZoneRecord[]): void {
    this.#shown[server] = new Set(keys.map(({ data }) => String(data)))
    for (const text of this.#shown[0]!)
      if (this.#shown[1]!.has(text) && !this.firstShown.has(text)) this.firstShown.set(text, this.simulation.nowMs)
    this.tables[server]!.set({ origin: '', records: [...this.#others, ...keys] })
  }

  resolver = (parts: Omit<ResolverOptions, 'servers'>) =>
    new Resolver({ ...parts, servers: SERVERS.map((address) => ({ address, port: 53 })) })
}

test('a year: every message verifies wherever DNS tells the truth, and none is signed with a key that was not seen', async () => {
  const stage = new Stage(7)
  const { simulation } = stage
  await stage.open()
  const random = simulation.random('administrator')
  const host = simulation.host('sender', ['192.0.2.1'], { dns: stage.resolver })
  const receiver = simulation.host('receiver', ['192.0.2.9'], { dns: stage.resolver })
  const queue: { acceptedAtMs: number }[] = []
  const complaints = new Set<string>()

  const boot = async () => {
    const secrets = await simulation.finish(secretsOf(host.world, NAMES))
    const keeper = new KeyKeeper({
      secrets,
      world: host.world,
      store: { queue: { after: () => queue.slice(0, 1) as never } },
      rotateAfterMs: 60 * DAY,
      signs: true,
      privateServers: true,
      log: (level, text) => level === 'warning' && complaints.add(text.replace(/\w+\._domainkey\S+/, 'KEY')),
    })
    keeper.start()
    return secrets
  }
  let secrets = await boot()
  const wanted = (): ZoneRecord[] =>
    secrets.keys.map(({ selector, domain, record }) => ({
      name: `${selector}._domainkey.${domain}`,
      type: 'TXT',
      ttlS: 3600,
      data: record,
    }))

  const counts = { signed: 0, unsigned: 0, verified: 0, excused: 0 }
  const selectors = new Set<string>()
  /** DNS says what is not so until then: what a Receiver sees meanwhile proves nothing. */
  let liesUntilMs = 0
  const send = async () => {
    const { world } = host
    const keys = secrets.dkim
    if (keys.length === 0) {
      counts.unsigned++
      return
    }
    for (const { record, selector } of keys) {
      selectors.add(selector)
      const first = stage.firstShown.get(record)
      assert.ok(first !== undefined && first <= simulation.nowMs, `${selector} signs and was never seen`)
    }
    counts.signed++
    const signature = await signDkim(parseHeader(MESSAGE), keys, world)
    const entry = { acceptedAtMs: world.clock.now() }
    queue.push(entry)
    const lies = liesUntilMs > simulation.nowMs
    // Most arrives at once; some waits for days, and some was to be sent weeks later.
    const waitMs =
      random.integer(10) > 0 ? 0 : random.integer(10) > 0 ? random.integer(5 * DAY) : random.integer(40 * DAY)
    receiver.world.clock.after(waitMs, () => void arrive())
    const arrive = async () => {
      const message = Buffer.concat([signature, MESSAGE])
      const results = await verifyDkim(parseHeader(message), receiver.world.dns, receiver.world.clock)
      queue.splice(queue.indexOf(entry), 1)
      const said = results.map(({ result, selector, reason }) => `${selector} ${result} ${reason ?? ''}`).join(', ')
      // A Receiver that nobody answers asks the sender to come again.
      const isRight = results.every(({ result }) => result === 'pass' || result === 'temperror')
      if (isRight) counts.verified++
      else if (lies || liesUntilMs > simulation.nowMs) counts.excused++
      else assert.fail(`day ${simulation.nowMs / DAY}: ${said}, signed ${entry.acceptedAtMs}`)
    }
  }

  for (let day = 0; day < 365; day++) {
    const endMs = simulation.nowMs + DAY
    // The administrator reads what is wanted, and the secondary gets it a day or two later.
    if (day > 2 && random.integer(4) === 0) {
      const zone = wanted()
      stage.show(0, zone)
      const lagMs = random.integer(2 * DAY)
      simulation.schedule(lagMs, undefined, 'zone', '', '', undefined, () => stage.show(1, zone))
    }
    const away = random.integer(12)
    if (away < 2) simulation.links.partition('sender', `ns${away}`)
    if (away === 2) for (const one of ['ns0', 'ns1']) simulation.links.partition('sender', one)
    // Somebody deletes a key that is in use, and puts it back after half a day.
    if (day % 60 === 50) {
      const zone = wanted()
      for (const server of [0, 1]) stage.show(server, zone.slice(random.integer(2)).slice(1))
      liesUntilMs = simulation.nowMs + 18 * HOUR
      simulation.schedule(12 * HOUR, undefined, 'zone', '', '', undefined, () => {
        for (const server of [0, 1]) stage.show(server, zone)
      })
    }
    if (day % 90 === 80) {
      host.crash()
      host.restart()
      secrets = await boot()
    }
    for (let message = 0; message < 3; message++) {
      await simulation.run({ untilMs: endMs - DAY + (message + random.float()) * (DAY / 3) })
      await simulation.finish(send())
    }
    await simulation.run({ untilMs: endMs })
    for (const one of ['ns0', 'ns1']) simulation.links.heal('sender', one)
  }
  assert.ok(counts.signed > 1000, JSON.stringify(counts))
  assert.ok(counts.verified > 980, JSON.stringify(counts))
  // The first days without a published key, and the half days without a record.
  assert.ok(counts.unsigned > 0 && counts.unsigned < 40, JSON.stringify(counts))
  assert.ok(counts.excused < 20, JSON.stringify(counts))
  // Five rotations and more, of two algorithms.
  assert.ok(selectors.size >= 8, [...selectors].join(' '))
  assert.ok([...complaints].some((one) => one.includes('leaves unsigned')))
})

test('in a system: keys rotate while mail flows, DNS by hand holds them up, and revoked ones are taken back', async () => {
  const test = await TestSystem.start(TWO_AGENTS)
  const { system } = test
  const { keys, secrets } = system.agent('sender')
  const signing = () => secrets.dkim.map(({ selector }) => selector)
  assert.deepEqual(signing(), ['rsa1', 'ed1'])
  const proven = async () => {
    await test.submit('bob@recipient.test')
    await test.quiet()
    return (await test.mail('recipient', 'bob@recipient.test')).at(-1)!.verdict?.dkim
  }
  assert.equal(await proven(), 'pass')

  // From here on somebody else keeps the zone.
  const before = system.wanted
  system.show(before)
  await test.run(keys.prepare('sender.test'))
  assert.match((await test.run(keys.rotate('sender.test'))).text, /DNS has not shown rsa2\._domainkey\.sender\.test/)
  assert.deepEqual(signing(), ['rsa1', 'ed1'])
  system.show(system.wanted)
  await test.passTime(4 * HOUR)
  const { ok, text } = await test.run(keys.rotate('sender.test'))
  assert.equal(ok, true, text)
  assert.deepEqual(signing(), ['rsa2', 'ed2'])
  assert.equal(await proven(), 'pass')

  // Somebody has stolen a key: it signs nothing more, and there is none that DNS shows.
  await test.run(keys.revoke('sender.test', 'rsa2'))
  assert.deepEqual(signing(), ['ed2'])
  await test.run(keys.revoke('sender.test', 'ed2'))
  assert.deepEqual(signing(), [])
  await test.submit('bob@recipient.test')
  await test.quiet()
  assert.equal((await test.mail('recipient', 'bob@recipient.test')).at(-1)!.verdict?.dkim, 'none')
  await test.passTime(2 * HOUR)
  assert.ok(test.complaints.some((one) => /mail of sender\.test leaves unsigned/.test(one)))
  assert.ok(test.complaints.some((one) => /DNS still shows the DKIM key rsa2/.test(one)))
  const wanted = system.wanted.filter(({ name }) => name === 'rsa2._domainkey.sender.test')
  assert.deepEqual(
    wanted.map(({ data }) => data),
    ['v=DKIM1; k=rsa; p='],
  )
  system.show(system.wanted)
  await test.passTime(2 * HOUR)
  assert.equal(await proven(), 'pass')
  assert.match(keys.list().text, /rsa2 {2}rsa-sha256 {2}revoked since .*does not sign; DNS does not show it/)
})

test('a crash right after a change loses none of it, and keys from before have a life too', async () => {
  const test = await TestSystem.start(TWO_AGENTS)
  const file = async () => JSON.parse(String(await test.system.hostOf('sender').world.disk.readFile('secrets.json')))
  await test.run(test.system.agent('sender').keys.prepare('sender.test'))
  test.system.crash('sender')
  await test.run(test.system.restart('sender'))
  const { secrets } = test.system.agent('sender')
  assert.deepEqual(
    secrets.keys.map(({ selector, state }) => `${selector} ${state}`),
    ['rsa1 active', 'rsa2 prepared', 'ed1 active', 'ed2 prepared'],
  )
  const kept = await test.run(file())
  const first = kept.dkim.filter(({ selector }: { selector: string }) => selector.endsWith('1'))
  const bare = first.map(({ selector, privateKeyPem }: Record<string, string>) => ({ selector, privateKeyPem }))
  const old = { ...kept, dkim: bare }
  const { disk } = test.system.hostOf('sender').world
  await test.run(disk.writeFile('secrets.json', Buffer.from(JSON.stringify(old)), { secret: true }))
  test.system.crash('sender')
  await test.run(test.system.restart('sender'))
  assert.deepEqual(test.system.agent('sender').secrets.dkim, [])
  await test.passTime(1000)
  assert.equal(test.system.agent('sender').secrets.dkim.length, 2)
})

test('nodes of one store agree: what one did with a key the other reads, and neither undoes it', async () => {
  const simulation = simulate({ seed: 3 })
  const worlds = ['one', 'two'].map((name, index) => simulation.host(name, [`192.0.2.${index + 1}`]).world)
  let sealed: Buffer | undefined
  const vault = {
    read: async () => sealed,
    keep: async (fresh: Buffer, insteadOf?: Buffer) => {
      if (insteadOf === undefined ? sealed === undefined : sealed?.equals(insteadOf)) sealed = fresh
    },
  }
  const run = <T>(work: Promise<T>) => simulation.finish(work)
  const one = await run(secretsOf(worlds[0]!, NAMES, vault))
  const nodeKey = await run(worlds[0]!.disk.readFile('node.key'))
  await run(worlds[1]!.disk.writeFile('node.key', nodeKey!, { secret: true }))
  const two = await run(secretsOf(worlds[1]!, NAMES, vault))
  const nowMs = worlds[0]!.clock.now()
  await run(one.changeKeys((keys) => keys.map((key) => ({ ...key, state: 'active', shownMs: nowMs }))))
  assert.deepEqual(two.dkim, [])
  await run(Promise.all([one.makeNext(DOMAIN, 'rsa-sha256'), two.makeNext(DOMAIN, 'ed25519-sha256')]))
  await run(Promise.all([one.refresh(), two.refresh()]))
  const said = ({ keys }: typeof one) => keys.map(({ selector, state }) => `${selector} ${state}`)
  assert.deepEqual(said(two).toSorted(), ['ed1 active', 'ed2 prepared', 'rsa1 active', 'rsa2 prepared'])
  assert.deepEqual(said(one), said(two))
  assert.deepEqual(
    two.dkim.map(({ record }) => record),
    one.dkim.map(({ record }) => record),
  )
})

test('a revoked key is gone from memory, too', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const simulation = simulate({ seed: 1 })
  const { world } = simulation.host('sender', ['192.0.2.1'])
  const secrets = await simulation.finish(secretsOf(world, NAMES))
  const shown = (state: 'active' | 'revoked') => (keys: readonly KnownKey[]) =>
    keys.map((key) => ({ ...key, state, shownMs: world.clock.now() }))
  await simulation.finish(secrets.changeKeys(shown('active')))
  const keys = secrets.dkim.map(({ privateKey }) => new WeakRef(privateKey))
  assert.equal(keys.length, 2)
  await simulation.finish(secrets.changeKeys(shown('revoked')))
  assert.equal(secrets.dkim.length, 0)
  for (let turn = 0; turn < 100 && keys.some((key) => key.deref() !== undefined); turn++) {
    await new Promise(setImmediate)
    collect()
  }
  assert.deepEqual(
    keys.map((key) => key.deref()),
    [undefined, undefined],
  )
})
