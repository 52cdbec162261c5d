// How it goes on: the administrator releases, resumes, suspends, fails; the Author confirms, from where he is known.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TOTP } from 'otpauth'
import { TestSystem, TWO_AGENTS } from '../../system/testing.ts'
import { backendsOf } from '../../system/web.ts'
import { SecurityDesk } from '../security-desk.ts'
import { OutgoingDesk, outgoingDesk } from './desk.ts'
import { authorKey, standingOf } from './gate.ts'

const ANNA = 'anna@sender.test'
const BOB = 'bob@recipient.test'
const HOME = '192.0.2.10'
const AWAY = '198.51.100.66'
const DAY_MS = 86_400_000
const STRICT = `${TWO_AGENTS}
sender: outgoing="500/2000"
recipient: catch-all=bob@recipient.test
`

/** Anna has written to ninety people at once: held. */
async function startHeld() {
  const world = await TestSystem.start(STRICT)
  const running = world.system.agent('sender')
  const { agent, accounts } = running
  const { account, submit } = backendsOf([running]).accountFor(ANNA)!
  accounts.signedIn(ANNA, HOME)
  await world.passTime(4 * DAY_MS)
  const write = async (forwardPaths: readonly string[]) =>
    (
      await world.run(
        submit(account, { reversePath: ANNA, forwardPaths, source: Buffer.from(`From: ${ANNA}\r\n\r\nhello\r\n`) }),
      )
    ).reply
  assert.equal((await write([BOB])).code, 250)
  await world.quiet()
  assert.equal((await write(Array.from({ length: 90 }, (_, n) => `friend${n}@recipient.test`))).code, 250)
  const desk = new OutgoingDesk(agent, accounts, account)
  const admin = (action: string, who?: string) => world.run(outgoingDesk(agent, { verb: 'outgoing', action, who }))
  /** To how many people something has left. */
  const reached = () => new Set(world.events('sender', 'transmitted').map(({ forwardPath }) => forwardPath)).size
  return { world, agent, accounts, account, desk, admin, reached, write, key: authorKey(account) }
}

describe('the administrator', () => {
  test('sees who is held and why; mail to people he knows goes on meanwhile', async () => {
    const { world, desk, admin, reached, write } = await startHeld()
    assert.deepEqual([desk.view().rung, desk.view().held, desk.view().confirmBy], ['hold', 90, 'password'])
    const { text } = await admin('list')
    assert.match(
      text,
      /^anna@sender\.test {2}held since .*90 held, 0 slowed\n {4}Mail went to many people within an hour/,
    )
    assert.equal((await write([BOB, 'stranger@recipient.test'])).code, 250)
    await world.quiet()
    assert.equal(reached(), 1)
    assert.equal(desk.view().held, 91)
  })

  test('releases: what is held leaves, once, and its recipients are known', async () => {
    const { world, desk, admin, reached, write } = await startHeld()
    assert.match((await admin('release', ANNA)).text, /90 messages that were held leave now/)
    await world.quiet()
    assert.equal(reached(), 91)
    assert.equal((await admin('list')).text, 'Everybody may send.')
    await write(['friend7@recipient.test'])
    await world.quiet()
    assert.deepEqual([reached(), desk.view().rung, desk.view().held], [91, 'free', 0])
  })

  test('resumes: mail goes on, what is held stays; and fails it: its Author gets it back', async () => {
    const { world, desk, admin, reached } = await startHeld()
    assert.match((await admin('resume', ANNA)).text, /may send again; 90 messages still held/)
    await world.quiet()
    assert.deepEqual([reached(), desk.view().held], [1, 90])
    const before = (await world.mail('sender', ANNA)).length
    assert.match((await admin('fail', ANNA)).text, /gets 90 messages back/)
    await world.quiet()
    assert.deepEqual([reached(), desk.view().held], [1, 0])
    const [bounce] = (await world.mail('sender', ANNA)).slice(before)
    assert.match(bounce!.text, /the administrator has given it up/)
  })

  test('suspends and resumes; mail to people here still goes', async () => {
    const { world, admin, write } = await startHeld()
    await admin('suspend', ANNA)
    assert.match((await write([BOB])).lines.join(), /suspended/)
    assert.equal((await write(['postmaster@sender.test'])).code, 250)
    await admin('resume', ANNA)
    assert.equal((await write([BOB])).code, 250)
    await world.quiet()
  })

  test('names nobody by mistake', async () => {
    const { admin } = await startHeld()
    assert.match((await admin('release', 'nobody@sender.test')).text, /^Nobody here is nobody@sender\.test/)
    assert.match((await admin('release', '@partner')).text, /^Nobody here is/)
  })
})

describe('the Author', () => {
  test('confirms by changing the password, from where he is known; a thief elsewhere does not', async () => {
    for (const [from, rung] of [
      [AWAY, 'hold'],
      [HOME, 'free'],
    ] as const) {
      const { world, agent, accounts, account, key, reached } = await startHeld()
      const security = new SecurityDesk(agent, accounts, account)
      assert.equal(await world.run(security.changePassword('demo', 'correct horse', from)), undefined)
      await world.quiet()
      assert.equal(standingOf(agent, key).rung, rung)
      assert.equal(reached(), rung === 'free' ? 91 : 1)
    }
  })

  test('confirms with a code of the second factor: a right one, from where he is known', async () => {
    const { world, agent, accounts, account, desk, reached } = await startHeld()
    assert.match((await world.run(desk.confirm('123456', HOME)))!, /nothing to confirm with a code/)
    const enrolled = await world.run(accounts.secondFactor.enrol(account))
    assert.ok('secret' in enrolled)
    const totp = new TOTP({ secret: enrolled.secret })
    const code = () => totp.generate({ timestamp: agent.world.clock.now() })
    await world.run(accounts.secondFactor.confirm(account, code()))
    assert.equal(desk.view().confirmBy, 'code')
    await world.passTime(60_000)
    assert.match((await world.run(desk.confirm('000000', HOME)))!, /code is not right/)
    assert.match((await world.run(desk.confirm(code(), AWAY)))!, /not used before the last days/)
    assert.equal(desk.view().held, 90)
    assert.equal(await world.run(desk.confirm(code(), HOME)), undefined)
    await world.quiet()
    assert.deepEqual([reached(), desk.view().rung, desk.view().held], [91, 'free', 0])
  })
})
