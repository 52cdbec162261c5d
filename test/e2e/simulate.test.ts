// `borderpost simulate` as a user calls it.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const HOME = join(import.meta.dirname, '..', '..')
const COMMAND = join(HOME, 'bin', 'borderpost.js')
const LIST = join(HOME, 'gallery', 'mailing-list.borderpost')

const run = (...args: string[]) => execFileSync(process.execPath, [COMMAND, ...args], { encoding: 'utf8' })

test('a table for people, lines of JSON for programs, and the same hash for the same seed', () => {
  assert.match(run('simulate', LIST), /readers {2}pass \(lists\.test\) {2}pass {2}fail, pass \(lists\.test\) {2}fail/)
  const last = () => run('simulate', LIST, '--json', '--seed', '7').trimEnd().split('\n').at(-1)!
  const hash = last()
  assert.match(hash, /^\{"eventLogHash":"[0-9a-f]{64}"\}$/)
  assert.equal(last(), hash)
  const traffic = () => run('simulate', LIST, '--messages', '40', '--faults', 'crash,loss,dns', '--json')
  const lines = traffic()
  assert.equal(traffic(), lines)
  const [result, end] = lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(result.messages, 40)
  assert.match(end.eventLogHash, /^[0-9a-f]{64}$/)
})

test('standard input, switches, and what is wrong with a call', () => {
  const options = {
    input: 'Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient\n',
    encoding: 'utf8',
  } as const
  const told = spawnSync(process.execPath, [COMMAND, 'simulate', '-', '--what-if', 'dkim=no'], options)
  assert.equal(told.status, 0, told.stderr)
  assert.match(told.stdout, /flow 1 at receiver-mda: dkim: pass -> none/)
  const nobody = spawnSync(
    process.execPath,
    [COMMAND, 'simulate', LIST, '--messages', '5', '--what-if', 'nobody:srs=no'],
    options,
  )
  assert.equal(nobody.status, 2)
  assert.equal(nobody.stderr, 'Nobody here is called "nobody". There are: anna, sender, lists, readers, rita, wary.\n')
  const twice = run('simulate', LIST, '--messages', '5', '--what-if', 'lists:modifies=no')
  assert.match(twice, /^As it is:\n\n5 messages[\s\S]*^With lists:modifies=no:\n\n5 messages/m)
  const wrong = spawnSync(process.execPath, [COMMAND, 'simulate', LIST, '--messages', '5', '--faults', 'fire'], options)
  assert.equal(wrong.status, 2)
  assert.match(wrong.stderr, /"fire" is no fault: outage, latency/)
})
