// DKIM2 in the running system (draft-ietf-dkim-dkim2-spec): who sends signs with the envelope, who forwards adds his hop,
// who changes says how, and who receives sees the whole way.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { signDkim2 } from '../../identity/dkim2/sign.ts'
import { parseHeader } from '../../message/header.ts'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem } from '../../system/testing.ts'
import { newTrace } from '../agent.ts'
import { queueCommand } from '../routing.ts'
import { commitAll } from '../tracking.ts'

const BOB = 'bob@recipient.test'

/** Sender, Forwarder, list and Recipient. */
const SYSTEM = (attributes = 'dkim2=yes') => `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@recipient ==> Recipient@bob

--> / --> Receiver/MDA@sender ==> Recipient@anna

Author@keeper ==> MSA/Transmitter@list --> / --> Receiver/MDA@recipient

--> / --> Receiver/MDA@list ==> Recipient@keeper

sender:    domain=sender.test, ip=127.0.10.1, filter=no, ${attributes}
old:       domain=old.test, ip=127.0.30.1, filter=no, ${attributes}, forward="bob@old.test -> bob@recipient.test"
list:      domain=list.test, ip=127.0.40.1, filter=no, ${attributes}
recipient: domain=recipient.test, ip=127.0.20.1, filter=no, ${attributes}
anna:   address=anna@sender.test, password=demo
keeper: address=list@list.test, password=demo
bob:    address=bob@recipient.test, trusts=list
`

const unfolded = (text: string) => text.replace(/\r\n[ \t]+/g, ' ')

/** The one message that Bob got. */
async function bobs(world: TestSystem) {
  const found = await world.mail('recipient', BOB)
  assert.equal(found.length, 1)
  return found[0]!
}

describe('the way of a message', () => {
  test('straight: signed with its envelope, verified, shown; DKIM stays beside it', async () => {
    const world = await TestSystem.start(SYSTEM())
    await world.submit(BOB)
    await world.quiet()
    const { text, verdict } = await bobs(world)
    assert.equal(verdict?.dkim2, 'pass')
    assert.equal(verdict?.dkim, 'pass')
    assert.match(unfolded(text), /^Authentication-Results: .* dkim2=pass \(i=1\) header\.d=sender\.test/m)
    assert.match(verdict!.steps.join('\n'), /DKIM2: signature \(i=1 d=sender\.test\)/)
    // Both keys sign, and the envelope is in it.
    assert.match(unfolded(text), /^DKIM2-Signature: i=1; .*mf=.*rt=.*s=rsa1:rsa-sha256:.*ed1:ed25519-sha256:/m)
  })

  test('by way of a Forwarder: each hop hands over to the next, and nothing was changed', async () => {
    for (const mode of ['true', 'queue']) {
      const world = await TestSystem.start(`${SYSTEM()}\nold: forward-mode=${mode}\n`)
      await world.submit('bob@old.test')
      await world.quiet()
      const { text, verdict } = await bobs(world)
      assert.equal(verdict?.dkim2, 'pass', String(verdict?.steps.join('\n')))
      assert.match(verdict!.steps.join('\n'), /chain of custody \(sender\.test, old\.test\)/)
      assert.equal(text.match(/^Message-Instance:/gm)?.length, 1)
    }
  })

  test('by way of a list that changes subject and body: the recipe brings back what Anna wrote', async () => {
    const world = await TestSystem.start(SYSTEM())
    await world.submit('list@list.test', 'From: anna@sender.test\nTo: list@list.test\nSubject: news\n\nOne\nTwo\n')
    await world.quiet()
    await distribute(world)
    await world.quiet()
    const { text, verdict } = await bobs(world)
    assert.match(text, /^Subject: \[list\] news\r$/m)
    assert.equal(verdict?.dkim2, 'pass', String(verdict?.steps.join('\n')))
    assert.equal(verdict?.dkim, 'fail')
    assert.match(
      verdict!.steps.join('\n'),
      /chain of custody \(sender\.test, list\.test\)\n[\s\S]*former version \(m=1\)/,
    )
    const recipe = /r=([A-Za-z0-9+/=\s]+);/.exec(/^Message-Instance: m=2;[\s\S]*?\r\n(?![ \t])/m.exec(text)![0])![1]!
    assert.deepEqual(JSON.parse(Buffer.from(recipe, 'base64').toString()), {
      h: { subject: [{ d: ['news'] }] },
      b: [{ c: [1, 2] }],
    })
  })

  test('a list that changes the message and says nothing of it breaks the chain', async () => {
    const world = await TestSystem.start(SYSTEM())
    await world.submit('list@list.test')
    await world.quiet()
    await distribute(world, false)
    await world.quiet()
    const { verdict } = await bobs(world)
    assert.ok(verdict?.dkim2 === 'fail' || verdict?.dkim2 === 'permerror', String(verdict?.dkim2))
  })

  test('a bounce that comes back through the Forwarder keeps its chain', async () => {
    const world = await TestSystem.start(
      `${SYSTEM()}\nold: forward="gone@old.test -> gone@recipient.test", forward-mode=queue\n`,
    )
    await world.submit('gone@old.test')
    await world.quiet()
    // old.test made the bounce and sent it to its own SRS address: it goes out once, signed by old.test.
    const [bounce] = await world.mail('sender', 'anna@sender.test')
    assert.match(bounce!.text, /gone@recipient\.test/)
    assert.equal(bounce!.verdict?.dkim2, 'pass', String(bounce!.verdict?.steps.join('\n')))
    assert.match(bounce!.verdict!.steps.join('\n'), /chain of custody \(old\.test\)/)
  })
})

describe('what DKIM2 must not do', () => {
  test('hidden recipients stay hidden: each gets a copy that names him alone', async () => {
    const world = await TestSystem.start(SYSTEM())
    const far = world.stranger('127.0.50.1', domainAt('far.test', '127.0.50.1'))
    const taken: InboundMessage[] = []
    await serveScript(world, far, {
      message: (message) => {
        taken.push(message)
        return reply(250, '', 'taken')
      },
    })
    await world.submit(['carl@far.test', 'hidden@far.test'], 'From: anna@sender.test\nTo: carl@far.test\n\nHi\n')
    await world.quiet()
    assert.deepEqual(
      taken.map(({ envelope }) => envelope.recipients.length),
      [1, 1],
    )
    const named = taken.map(({ source }) => /rt=([^;]*);/.exec(unfolded(source.toString()))![1]!.replace(/ /g, ''))
    assert.deepEqual(named.map((rt) => Buffer.from(rt, 'base64').toString()).toSorted(), [
      '<carl@far.test>',
      '<hidden@far.test>',
    ])
  })

  test('nothing of it is there where the switch is off', async () => {
    const world = await TestSystem.start(SYSTEM('dkim2=no'))
    await world.submit('bob@old.test')
    await world.quiet()
    const { text, verdict } = await bobs(world)
    assert.doesNotMatch(text, /dkim2|message-instance/i)
    assert.equal(verdict?.dkim2, undefined)
  })

  test('a Forwarder adds no hop to a message whose chain is broken', async () => {
    const world = await TestSystem.start(SYSTEM())
    await world.submit('bob@old.test')
    await world.quiet()
    const { text } = await bobs(world)
    const replayed = text.replace(/^Return-Path: .*\r\n/, '').replace('Hello', 'Pay me')
    const stranger = world.stranger('127.0.66.6', domainAt('stranger.test', '127.0.66.6'))
    const letter = { from: 'x@stranger.test', to: 'bob@old.test', text: replayed, helo: 'mail.stranger.test' }
    const before = replayed.match(/^DKIM2-Signature:/gm)!.length
    await world.send(stranger, 'old', 'smtp', letter)
    await world.quiet()
    const copies = [...(await world.mail('recipient', BOB)), ...(await world.mail('recipient', BOB, 'junk'))]
    for (const { text } of copies.filter((copy) => copy.text.includes('Pay me')))
      assert.equal(text.match(/^DKIM2-Signature:/gm)!.length, before)
  })

  test('a message that is tried again leaves with the same bytes', async () => {
    const world = await TestSystem.start(SYSTEM())
    const far = world.stranger('127.0.50.1', domainAt('far.test', '127.0.50.1'))
    const seen: string[] = []
    await serveScript(world, far, {
      message: ({ source }) => {
        seen.push(source.toString('latin1'))
        return seen.length < 3 ? reply(451, '4.2.0', 'later') : reply(250, '2.0.0', 'taken')
      },
    })
    await world.submit('carl@far.test')
    await world.quiet()
    assert.equal(seen.length, 3)
    assert.equal(new Set(seen).size, 1)
    assert.match(seen[0]!, /^DKIM2-Signature: i=1;/)
  })
})

/** The list sends on what reached it: a mark in the subject, a footer below, and a signature that says what it was. */
async function distribute(world: TestSystem, tells = true): Promise<void> {
  const agent = world.agent('list')
  for (const { text } of await world.mail('list', 'list@list.test')) {
    const came = text.replace(/^Return-Path: .*\r\n/, '')
    const changed = `${came.replace(/^Subject: /m, 'Subject: [list] ')}-- \r\nYou are on this list.\r\n`
    const signed = await world.run(
      signDkim2(
        parseHeader(Buffer.from(tells ? changed : came)),
        {
          domain: agent.domain,
          keys: agent.secrets.dkim,
          route: { reversePath: 'list@list.test', recipients: [BOB] },
          former: parseHeader(Buffer.from(came)),
        },
        agent.world,
      ),
    )
    if ('fault' in signed) throw new Error(signed.fault)
    const blob = await world.run(agent.store.putBlob([signed.fields, Buffer.from(changed)]))
    const reversePath = 'list@list.test'
    const mail = { trace: newTrace(agent.world), blob, reversePath, parameters: {}, origin: 'forwarder' } as const
    await world.run(commitAll(agent, [queueCommand(agent, mail, BOB)]))
  }
}
