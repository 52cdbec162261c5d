// A clock that leaps ten years, ahead or back, or both: mail is kept, is tried again within a day, is given up only after
// its time, and goes once.

import assert from 'node:assert/strict'
import { describe, mock, test } from 'node:test'
import type { InboundMessage } from '../../protocols/smtp/policy.ts'
import { type Reply, reply } from '../../protocols/smtp/reply.ts'
import { domainAt, serveScript, TestSystem, TWO_AGENTS } from '../../system/testing.ts'

const FAR_IP = '127.0.50.1'
const HOUR = 3_600_000
const DAY = 24 * HOUR
const TEN_YEARS = 3653 * DAY
const LATER = reply(451, '4.3.0', 'not today')
const TAKEN = reply(250, '2.0.0', 'taken')

/** A sender whose clock can be set, and far.test, which answers as it is told. */
class Setting {
  readonly world: TestSystem
  readonly taken: InboundMessage[] = []
  answer: Reply = LATER
  /** Before it answers. */
  meanwhile = async (): Promise<void> => {}
  #byMs = 0
  #clocks = 0

  private constructor(world: TestSystem) {
    this.world = world
    this.setClock(0)
  }

  static async make(attributes = ''): Promise<Setting> {
    const world = await TestSystem.start(`${TWO_AGENTS}\n${attributes}\n`)
    const setting = new Setting(world)
    world.publish(domainAt('far.test', FAR_IP))
    const message = async (mail: InboundMessage) => {
      await setting.meanwhile()
      if (setting.answer === TAKEN) setting.taken.push(mail)
      return setting.answer
    }
    await serveScript(world, world.system.host('far', FAR_IP), { message })
    return setting
  }

  /** From now on it is wrong by so much. */
  setClock(byMs: number): void {
    this.#byMs = byMs
    const { clock } = this.world.agent('sender').world
    const right = this.#clocks++ === 0 ? clock.now.bind(clock) : undefined
    if (right !== undefined) mock.method(clock, 'now', () => right() + this.#byMs)
  }

  get queue() {
    return this.world.agent('sender').store.queue.entries()
  }

  get bounced(): number {
    return this.world.events('sender', 'bounced').length
  }

  async submit(): Promise<void> {
    assert.match((await this.world.submit('carl@far.test'))[0]!, /^250/)
  }

  /** The host takes mail again: within a day everything is there, once. */
  async arrives(count: number): Promise<void> {
    this.answer = TAKEN
    await this.world.passTime(DAY)
    assert.equal(this.taken.length, count)
    assert.deepEqual([this.queue.length, this.bounced], [0, 0])
  }
}

describe('a clock that leaps', () => {
  test('ten years ahead: what waits is not out of time, and has its whole time again', async () => {
    const setting = await Setting.make()
    await setting.submit()
    await setting.world.passTime(HOUR)
    setting.setClock(TEN_YEARS)
    await setting.world.passTime(DAY)
    assert.deepEqual([setting.queue.length, setting.bounced], [1, 0])
    assert.match(setting.queue[0]!.lastReply, /^451 4\.3\.0 not today/)
    assert.match(setting.world.complaints.join('\n'), /the clock leapt by 3653\.0 days: is it right/)
    await setting.arrives(1)
  })

  test('ten years ahead, and it stays so: what is never taken comes back after its time, not later', async () => {
    const setting = await Setting.make('sender: expires=12h')
    await setting.submit()
    await setting.world.passTime(HOUR)
    setting.setClock(TEN_YEARS)
    await setting.world.passTime(8 * HOUR)
    assert.equal(setting.bounced, 0)
    await setting.world.passTime(10 * HOUR)
    assert.deepEqual([setting.queue.length, setting.bounced], [0, 1])
  })

  test('ten years back: what waits for a day that is far now is tried soon', async () => {
    const setting = await Setting.make()
    await setting.submit()
    await setting.world.passTime(HOUR)
    setting.setClock(-TEN_YEARS)
    await setting.world.passTime(HOUR)
    await setting.submit()
    await setting.world.passTime(HOUR)
    await setting.arrives(2)
  })

  test('ahead, and back again: mail from before and from that other time arrives', async () => {
    const setting = await Setting.make()
    await setting.submit()
    await setting.world.passTime(HOUR)
    setting.setClock(TEN_YEARS)
    await setting.submit()
    await setting.world.passTime(5 * HOUR)
    setting.setClock(0)
    await setting.world.passTime(5 * HOUR)
    await setting.submit()
    assert.deepEqual([setting.queue.length, setting.bounced], [3, 0])
    await setting.arrives(3)
  })

  test('back, and right again: nothing is given up', async () => {
    const setting = await Setting.make()
    await setting.submit()
    setting.setClock(-TEN_YEARS)
    await setting.submit()
    await setting.world.passTime(5 * HOUR)
    setting.setClock(0)
    await setting.world.passTime(5 * HOUR)
    await setting.arrives(2)
  })

  test('in the middle of a transaction: its answer is what counts', async () => {
    const setting = await Setting.make()
    setting.meanwhile = async () => setting.setClock(TEN_YEARS)
    await setting.submit()
    await setting.world.passTime(60_000)
    assert.deepEqual([setting.queue.length, setting.bounced], [1, 0])
    setting.meanwhile = async () => setting.setClock(-TEN_YEARS)
    setting.answer = TAKEN
    await setting.world.passTime(DAY)
    assert.equal(setting.taken.length, 1)
    assert.equal(setting.queue.length, 0)
  })

  test('back while the machine was off: at its start what waits is put right', async () => {
    const setting = await Setting.make()
    setting.setClock(TEN_YEARS)
    await setting.world.passTime(HOUR)
    await setting.submit()
    await setting.world.passTime(HOUR)
    assert.equal(setting.queue.length, 1)
    setting.world.system.crash('sender')
    await setting.world.run(setting.world.system.restart('sender'))
    await setting.arrives(1)
  })

  test('ahead while a host is silent, and back again: what it said in that other time is no rest of ten years', async () => {
    const setting = await Setting.make()
    const { links } = setting.world.simulation
    links.partition('sender', 'far')
    await setting.submit()
    await setting.world.passTime(60_000)
    setting.setClock(TEN_YEARS)
    await setting.world.passTime(5 * HOUR)
    setting.setClock(0)
    await setting.world.passTime(HOUR)
    links.heal('sender', 'far')
    await setting.arrives(1)
  })

  for (const back of ['while it runs', 'while it is off'])
    test(`ahead, and back ${back}: an address of a pool rests and warms up by the time that is`, async () => {
      const setting = await Setting.make(
        'sender: pool="all: 127.0.11.1", warm-up="127.0.11.1 first=5 grow=2", route="* pool=all"',
      )
      setting.setClock(TEN_YEARS)
      setting.answer = TAKEN
      await setting.submit()
      await setting.world.passTime(60_000)
      assert.equal(setting.taken.length, 1)
      setting.answer = reply(550, '5.7.1', 'our list says that 127.0.11.1 is bad')
      await setting.submit()
      await setting.world.passTime(60_000)
      assert.equal(setting.queue.length, 1)
      if (back === 'while it is off') {
        setting.world.system.crash('sender')
        await setting.world.run(setting.world.system.restart('sender'))
      }
      setting.setClock(0)
      await setting.arrives(2)
    })
})
