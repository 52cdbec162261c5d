// Hosts that misbehave at every state of the dialogue, as the whole Transmitter meets them: the mail is kept, the queue says
// why, nothing comes back; and when they are as they should be, each has its message once, beyond what was in flight.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type HeardByStubborn,
  type Misbehaviour,
  STATES,
  type State,
  type Stubborn,
  serveStubborn,
} from '../../protocols/smtp/stubborn-server.ts'
import { domainAt, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const HOUR = 3_600_000

const BEHAVIOURS: readonly (readonly [name: string, how: Misbehaviour])[] = [
  ['silent', { kind: 'silence' }],
  ['gone', { kind: 'close' }],
  ['busy', { kind: 'says', text: '421 4.3.2 not now\r\n', closes: true }],
  ['endless', { kind: 'endless', text: '250-more\r\n'.repeat(100), pauseMs: 10 }],
  ['foreign', { kind: 'says', text: '\xff\xfe\x80 what\r\n' }],
]

/** What a host says after the message was taken concerns nobody. */
const LATE: readonly State[] = ['rset', 'quit']
/** Without TLS and without a second message these are never come to. */
const UNMET: readonly State[] = ['starttls', 'ehlo-tls', 'rset']

interface Host {
  readonly domain: string
  readonly stubborn: Stubborn
  readonly heard: HeardByStubborn
}

test('what misbehaves keeps its mail waiting, and gets it once', async () => {
  const world = await TestSystem.start(TWO_AGENTS)
  const hosts: Host[] = []
  let isStubborn = true
  for (const state of STATES.filter((one) => !UNMET.includes(one)))
    for (const [name, how] of BEHAVIOURS) {
      const domain = `${name}-at-${state}.test`
      const ip = `127.0.60.${hosts.length + 1}`
      const heard: HeardByStubborn = { connections: 0, messages: 0, taken: 0 }
      const { network, clock } = world.system.host(domain, ip).world
      hosts.push({ domain, stubborn: { state, how }, heard })
      world.publish(domainAt(domain, ip))
      await world.run(
        network.listen({ address: ip, port: 25 }, (stream) => {
          const stubborn = isStubborn ? { state, how } : undefined
          serveStubborn(stream, { stubborn, heard, sleep: (ms) => clock.sleep(ms) }).catch(() => stream.destroy())
        }),
      )
    }
  const replies = await world.submit(hosts.map(({ domain }) => `carl@${domain}`))
  assert.deepEqual(
    replies.filter((line) => !line.startsWith('250')),
    [],
  )
  await world.passTime(2 * HOUR)
  const waiting = new Map(
    world
      .agent('sender')
      .store.queue.entries()
      .map((one) => [one.domain, one]),
  )
  for (const { domain, stubborn, heard } of hosts) {
    const entry = waiting.get(domain)
    if (LATE.includes(stubborn.state)) {
      assert.equal(entry, undefined, domain)
      assert.equal(heard.taken, 1, domain)
      continue
    }
    assert.equal(heard.taken, 0, domain)
    assert.match(entry?.lastReply ?? '', /^4\d\d 4\.\d\.\d \S/, domain)
    assert.doesNotMatch(entry!.lastReply, /[\0-\x1f\x7f-\x9f]/, domain)
  }
  assert.equal(world.events('sender', 'bounced').length, 0)
  isStubborn = false
  await world.passTime(12 * HOUR)
  assert.deepEqual(world.agent('sender').store.queue.entries(), [])
  assert.equal(world.events('sender', 'bounced').length, 0)
  for (const { domain, heard } of hosts) assert.equal(heard.taken, 1, domain)
})
