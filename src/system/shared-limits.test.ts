// Two nodes of one store: what may be done once is done once, what is limited is limited for both together, and what one of
// them saw the other knows.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from '../notation/parse.ts'
import type { SessionFacts } from '../protocols/smtp/policy.ts'
import { submitText } from '../roles/msa/submission.ts'
import { digestOf, readTicket } from '../roles/oauth/tokens.ts'
import { forwardPathOf, reversePathOf } from '../roles/routing.ts'
import { newSignIn, noteSignIn } from '../roles/sign-ins.ts'
import { contractPolicy } from '../roles/transmitter/contract.ts'
import { realWorld } from '../world/real/world.ts'
import { testPostgres } from '../world/testing/postgres.ts'
import { RunningAgent } from './agent.ts'
import { planSystem } from './description.ts'

const noDns = { resolve: async () => ({ status: 'no-answer' as const, reason: 'no DNS here' }) }

const text = (url: string) =>
  `
Author@bob ==> MSA/Transmitter/Receiver/MDA@here ==> Recipient@bob
Author@carl ==> MSA/Transmitter/Receiver/MDA@here ==> Recipient@carl
Author@dora ==> MSA@acme ==> MSA/Transmitter/Receiver/MDA@here

here: domain=here.test, ip=127.0.0.1, filter=no, outgoing="30/60", store="${url}"
acme: domain=acme.test, ip=127.0.0.9
bob:  address=bob@here.test, password=demo
carl: address=carl@here.test, password=demo
contract small: with=acme, messages-per-day=10
dora: address=dora@acme.test, password=demo
`

/** Two nodes, neither of which carries mail out. */
async function withNodes(t: TestContext, work: (one: RunningAgent, two: RunningAgent) => Promise<void>): Promise<void> {
  const postgres = await testPostgres()
  if (postgres === undefined) return t.skip('needs PostgreSQL (Debian: postgresql)')
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-limits-'))
  const nodes: RunningAgent[] = []
  try {
    const { plan, findings } = planSystem(parse(text(postgres.url)).model)
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'error').map(({ message }) => message),
      [],
    )
    const here = plan.agents.find(({ id }) => id === 'here')!
    for (const name of ['one', 'two']) {
      const place = join(folder, name)
      mkdirSync(place)
      if (name === 'two') copyFileSync(join(folder, 'one', 'node.key'), join(place, 'node.key'))
      const world = realWorld({ folder: place, dns: () => noDns })
      nodes.push(await RunningAgent.start(here, world, { iterations: 1000, transmitterPort: 25, log: () => {} }))
    }
    await work(nodes[0]!, nodes[1]!)
  } finally {
    for (const node of nodes) await node.stop()
    await postgres.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a code or a token that is shown to both nodes at once is good once', async (t) =>
  withNodes(t, async (one, two) => {
    const [first, second] = [one.accounts, two.accounts]
    for (const accounts of [first, second]) accounts.issuer = 'https://mail.here.test'
    const verifier = 'v'.repeat(43)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const account = one.agent.store.accountByAddress('bob@here.test')!
    const consent = { client: { id: 'app', name: 'A program' }, scopes: ['imap'], challenge, signedInAtMs: 0 }
    const about = { redirectUri: 'http://127.0.0.1:4711/' }
    const told = { client: 'app', ...about, verifier }
    for (let round = 0; round < 5; round++) {
      const answer = await first.grants.allow(account, { ...consent, ...about })
      assert.ok('code' in answer)
      await caughtUp(two.agent)
      const redeemed = await Promise.all([first, second].map(({ grants }) => grants.redeem(answer.code, told)))
      assert.equal(redeemed.filter((one) => one !== undefined).length, 1)
      // Shown twice, it was seen by somebody else: what it gave ends, at both.
      const [tokens] = redeemed.filter((one) => one !== undefined)
      assert.equal(await first.grants.refresh(tokens!.refresh, 'app'), undefined)
    }
    const answer = await first.grants.allow(account, { ...consent, ...about })
    assert.ok('code' in answer)
    const tokens = (await first.grants.redeem(answer.code, told))!
    await caughtUp(two.agent)
    const both = await Promise.all([first, second].map(({ grants }) => grants.refresh(tokens.refresh, 'app')))
    // Within the grace the same token may come again; but only one of the two that were given out is alive.
    const alive = both.flatMap((given) => given?.refresh ?? [])
    await caughtUp(one.agent)
    const kept = one.agent.store.lists.objects(account.id, 'oauth-grant')
    const digests = kept.map(({ value }) => (JSON.parse(value) as { refresh: string | null }).refresh)
    const living = alive.filter((token) => digests.includes(digestOf(readTicket(token)!.secret)))
    assert.equal(living.length, 1)
  }))

/** How many of so many letters to strangers leave at once, go one by one, are held, or are refused. */
async function fateOf(nodes: readonly RunningAgent[], address: string, letters: number) {
  const sent = await Promise.all(
    Array.from({ length: letters }, (_, n) => {
      const { agent } = nodes[n % nodes.length]!
      const author = agent.store.accountByAddress(address)!
      const to = `${address.split('@')[0]}-${n}@stranger-${n}.test`
      const source = Buffer.from(`From: ${address}\r\nTo: ${to}\r\nSubject: letter ${n}\r\n\r\nHello number ${n}\r\n`)
      return submitText(agent, author, { reversePath: address, forwardPaths: [to], source })
    }),
  )
  for (const { agent } of nodes) await caughtUp(agent)
  const [{ agent }] = nodes as [RunningAgent]
  const nowMs = agent.world.clock.now()
  const entries = agent.store.queue.entries({}, 10_000).filter(({ reversePath }) => reversePath === address)
  const waiting = entries.filter(({ state }) => state === 'waiting')
  const turns = waiting.filter(({ nextAttemptAtMs }) => nextAttemptAtMs > nowMs).map((one) => one.nextAttemptAtMs)
  return {
    left: waiting.length - turns.length,
    slowed: turns.length,
    turns,
    held: entries.length - waiting.length,
    refused: sent.filter(({ reply }) => reply.code >= 400).length,
  }
}

test('the outgoing gate: as much leaves by two nodes at once as by one, and no more', async (t) =>
  withNodes(t, async (one, two) => {
    const alone = await fateOf([one], 'carl@here.test', 60)
    const together = await fateOf([one, two], 'bob@here.test', 60)
    t.diagnostic(JSON.stringify({ alone, together }))
    assert.ok(together.left + together.slowed <= 30, 'the limit of the description, for both')
    assert.ok(together.left <= alone.left)
    assert.equal(together.left + together.slowed + together.held + together.refused, 60)
    assert.ok(together.held > 0)
    const standings = [one, two].map(({ agent }) => agent.store.outgoing.standings().length)
    assert.deepEqual(standings, [2, 2])
  }))

test('a contract: ten messages a day are ten, however many come at both nodes at once', async (t) =>
  withNodes(t, async (one, two) => {
    const sessionOf = (ip: string) => ({ peer: { address: ip, port: 4000 }, helo: 'mail.acme.test', protocol: 'ESMTP' })
    const codes = await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const { agent } = [one, two][n % 2]!
        const policy = contractPolicy(agent, agent.contracts!)
        const session = { ...sessionOf('127.0.0.9'), user: undefined, tls: undefined } as unknown as SessionFacts
        const reversePath = reversePathOf('dora@acme.test')
        const recipients = [{ forwardPath: forwardPathOf(`x${n}@stranger.test`) }]
        const refusal = await policy.mail(reversePath, { body: '7BIT', smtputf8: false } as never, session)
        if (refusal !== undefined) return refusal.code
        const source = Buffer.from(`From: dora@acme.test\r\nSubject: ${n}\r\n\r\nHello\r\n`)
        const envelope = { reversePath, recipients, body: '7BIT', smtputf8: false } as const
        const reply = await policy.message({ envelope, source, session, prdr: false })
        return 'code' in reply ? reply.code : 0
      }),
    )
    assert.equal(codes.filter((code) => code === 250).length, 10)
    assert.equal(codes.filter((code) => code === 452).length, 20)
    for (const { agent } of [one, two]) {
      await caughtUp(agent)
      assert.deepEqual(agent.contracts!.today({ name: 'small' }).messages, 10)
    }
    assert.equal(one.agent.store.queue.entries({}, 100).length, 10)
  }))

test('what one node saw of a sign-in the other knows', async (t) =>
  withNodes(t, async (one, two) => {
    const account = one.agent.store.accountByAddress('bob@here.test')!.id
    noteSignIn(one.agent, account, { from: '192.0.2.1' })
    noteSignIn(one.agent, account, { from: '198.51.100.1' })
    await one.saveMemory()
    await caughtUp(two.agent)
    assert.equal(newSignIn(two.agent, account).newPlace, 'from 198.51.100.1')
  }))

const caughtUp = ({ store }: RunningAgent['agent']) => (store as unknown as { follow(): Promise<void> }).follow()
