import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import { simulate } from '../../world/simulated/simulation.ts'
import { judgeHost, judgeSpf } from './dns-host.ts'

const [here] = planSystem(
  parse(`Author@anna --> / --> Receiver/MDA@here ==> Recipient@anna
here: domain=here.test, ip=192.0.2.1
anna: address=anna@here.test`).model,
).plan.agents

async function judged(greeting: string | undefined, records: { ptr?: string; a?: string }) {
  const simulation = simulate({ seed: 1 })
  const host = simulation.host('here', ['192.0.2.1'])
  const { network } = simulation.host('desk', ['192.0.2.9']).world
  if (records.ptr !== undefined) simulation.dns.set('1.2.0.192.in-addr.arpa', { PTR: [records.ptr] })
  if (records.a !== undefined) simulation.dns.set(records.ptr!, { A: [records.a] })
  if (greeting !== undefined)
    await simulation.finish(
      host.world.network.listen(
        { address: '192.0.2.1', port: 25 },
        (stream) => void stream.write(Buffer.from(greeting)),
      ),
    )
  const all = await simulation.finish(judgeHost(here!, simulation.dns, network))
  return all.map(({ isRight, text }) => `${isRight ? 'ok' : 'wrong'} ${text}`)
}

test('the address leads to the name, the name to the address, and the host greets with it', async () => {
  assert.deepEqual(await judged('220 mail.here.test ESMTP\r\n', { ptr: 'mail.here.test', a: '192.0.2.1' }), [
    'ok the address leads to the name, and the name back to the address',
    'ok it greets as mail.here.test, the name that it says in EHLO',
  ])
})

test('whatever of it is not so is said, with what to do', async () => {
  const [none, quiet] = await judged(undefined, {})
  assert.match(none!, /^wrong the address has no name: ask whoever gives it to you/)
  assert.match(quiet!, /^ok nothing listens/)
  assert.match((await judged(undefined, { ptr: 'mail.here.test', a: '192.0.2.7' }))[0]!, /^wrong .*does not lead back/)
  assert.match((await judged(undefined, { ptr: 'other.test', a: '192.0.2.1' }))[0]!, /^wrong .*leads to other\.test/)
  const generic = await judged('220 other\x1b[31m.test\r\n', { ptr: 'dsl-192-0-2-1.isp.test', a: '192.0.2.1' })
  assert.match(generic[1]!, /^wrong the name dsl-192-0-2-1\.isp\.test looks like one of a dial-in/)
  assert.match(generic[2]!, /^wrong at 192\.0\.2\.1 port 25 somebody greets with "220 other\?\[31m\.test"/)
})

test('of SPF it is said how much of the allowance it costs', async () => {
  const { dns } = simulate({ seed: 1 })
  dns.set('here.test', { TXT: ['v=spf1 include:a.test -all'] })
  dns.set('a.test', { TXT: [`v=spf1 ${Array.from({ length: 10 }, (_, i) => `a:${i}.test`).join(' ')} -all`] })
  dns.set('plain.test', { TXT: ['v=spf1 ip4:192.0.2.1 -all'] })
  const found = await judgeSpf(['here.test', 'plain.test'], dns)
  assert.deepEqual(
    found.map(({ about, isRight }) => [about, isRight]),
    [['here.test', false]],
  )
  assert.match(found[0]!.text, /costs 11 look-ups of the 10 that are allowed: nobody evaluates it/)
})
