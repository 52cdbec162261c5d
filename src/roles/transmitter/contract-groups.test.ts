// Mail of a contract's partner to an address of ours that stands for several: it goes where any other mail to it goes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestSystem } from '../../system/testing.ts'
import { submitText } from '../msa/submission.ts'

const TEXT = `
Author@anna ==> MSA/Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

/ --> Receiver/MDA@carrier ==> Recipient@anna

Author@carl ==> MSA/Transmitter@carrier --> / --> Receiver/MDA@recipient ==> Recipient@bob

carrier:   domain=carrier.test, ip=127.0.10.1, filter=no
recipient: domain=recipient.test, ip=127.0.20.1, filter=no
anna: address=anna@carrier.test, alias=a@carrier.test, password=demo
carl: address=carl@carrier.test, password=demo
bob:  address=bob@recipient.test, password=demo
carrier: group="all@carrier.test: a@carrier.test carl@carrier.test staff@carrier.test"
carrier: group="staff@carrier.test: carl@carrier.test all@carrier.test"
carrier: group="empty@carrier.test: gone@carrier.test"
contract acme: by=carrier, domain=acme.test, network=127.0.30.0/24
`
const ACME = 'news@acme.test'
const at = (name: string) => `${name}@carrier.test`

async function setting() {
  const world = await TestSystem.start(TEXT)
  const office = world.stranger('127.0.30.1')
  const send = (to: string | string[], from = ACME, text = `From: ${ACME}\nSubject: hello\n\nHello\n`) =>
    world.send(office, 'carrier', 'submission', { from, to, text })
  const counts = async () => {
    await world.quiet()
    const found: number[] = []
    for (const name of ['anna', 'carl', 'postmaster']) found.push((await world.mail('carrier', at(name))).length)
    return found
  }
  return { world, office, send, counts }
}

test('every member once, and the owner only if he is one', async () => {
  const { send, counts } = await setting()
  assert.match((await send(at('all')))[0]!, /^250 /)
  assert.deepEqual(await counts(), [1, 1, 0])
})

test('whoever is named beside the group, or by two of them, has it once', async () => {
  const { send, counts } = await setting()
  for (const said of await send([at('carl'), at('staff'), at('all'), at('anna'), at('ALL')]))
    assert.match(said, /^250 /)
  assert.deepEqual(await counts(), [1, 1, 0])
})

test('nobody behind it: heard at once; a bounce is for the owner alone', async () => {
  const { send, counts } = await setting()
  assert.match((await send(at('empty')))[0]!, /^550 5\.2\.4 nobody stands behind empty@carrier\.test/)
  assert.match((await send(at('all'), ''))[0]!, /^250 /)
  assert.deepEqual(await counts(), [0, 0, 1])
})

test('a group whose last member goes between RCPT and the message: its sender hears of it', async () => {
  const { world, office } = await setting()
  const { store } = world.agent('carrier')
  const members = (name: string) =>
    store.commit([{ kind: 'group.put', group: { address: at('empty'), owner: at('postmaster'), members: [at(name)] } }])
  const said = await world.run(
    (async () => {
      const { network } = office.world
      const endpoint = world.system.agent('carrier').endpoint('submission')!
      const stream = await network.connect(endpoint, { timeoutMs: 1000 })
      const hear = async () => Buffer.from((await stream.read(60_000)) ?? '').toString('latin1')
      await hear()
      await members('carl')
      let last = ''
      for (const line of [
        ...['EHLO office.acme.test', `MAIL FROM:<${ACME}>`, `RCPT TO:<${at('empty')}>`, 'DATA'],
        `From: ${ACME}\r\n\r\nHello\r\n.`,
      ]) {
        if (line === 'DATA') await members('gone')
        await stream.write(Buffer.from(`${line}\r\n`))
        last = await hear()
      }
      stream.destroy()
      return last
    })(),
  )
  assert.match(said, /^250 /)
  await world.quiet()
  const [bounced, ...others] = world
    .events('carrier', 'bounced')
    .filter(({ forwardPath }) => forwardPath === at('empty'))
  assert.equal(others.length, 0)
  assert.match(bounced!.text, /there is no mailbox empty@carrier\.test here any more/)
})

test('what an Author holds back for a group and for one of its members comes once', async () => {
  const { world, counts } = await setting()
  const computer = world.stranger('127.0.99.9')
  const agent = world.agent('carrier')
  const { reply } = await world.run(
    submitText(agent, agent.store.accountByAddress(at('anna'))!, {
      reversePath: at('anna'),
      forwardPaths: [at('carl'), at('all')],
      source: Buffer.from(`From: ${at('anna')}\r\nSubject: later\r\n\r\nHello\r\n`),
      holdUntilMs: computer.world.clock.now() + 3_600_000,
    }),
  )
  assert.equal(reply.code, 250)
  assert.deepEqual(await counts(), [1, 1, 0])
})
