import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'

const MAIN = join(import.meta.dirname, '..', 'main.ts')
const folder = mkdtempSync(join(tmpdir(), 'explain-'))
after(() => rmSync(folder, { recursive: true }))
const FILE = join(folder, 'forwarded.borderpost')
writeFileSync(
  FILE,
  `Author@anna ==> MSA/Transmitter@s --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@new ==> Recipient@bob

s: domain=s.test, ip=127.0.11.1
old: domain=old.test, ip=127.0.12.1, forward="bob@old.test -> bob@new.test"
new: domain=new.test, ip=127.0.13.1, trusts=old
anna: address=anna@s.test
bob: address=bob@new.test
`,
)

function run(...words: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' })
  return { stdout, stderr, status }
}

test('explain --what-if turns switches of one agent, and tells what changes by it, as simulate does', () => {
  const [asWritten, distrusted] = [run('explain', FILE), run('explain', FILE, '--what-if', 'new:trust=no')]
  assert.ok(!asWritten.stdout.includes('R05') && !asWritten.stdout.includes('What changes'))
  assert.match(distrusted.stdout, /^With new:trust=no:\n\n/)
  assert.match(
    distrusted.stdout,
    /\nWhat changes of the findings by it:\n {2}\+ R05 Receiver\/MDA@new does not know that /,
  )
  assert.match(distrusted.stdout, /explain \S+ s\.test --what-if "new:trust=no"\n/)
  assert.match(run('explain', FILE, '--what-if', 'old:arc=no').stdout, /\nNothing changes of the findings by it\.\n/)

  const records = run('explain', FILE, 's.test', '--what-if', 's:dmarc=none').stdout
  assert.match(
    records,
    /\nWhat changes in DNS by it:\n {2}- _dmarc\.s\.test TXT .*p=reject.*\n {2}\+ _dmarc\.s\.test TXT .*p=none/,
  )
  // Of one agent alone.
  assert.match(
    run('explain', FILE, 's.test', '--what-if', 'old:dmarc=none').stdout,
    /\nNothing changes in DNS by it\.\n/,
  )
  const told = JSON.parse(run('explain', FILE, '--what-if', 's:spf=no', '--json').stdout)
  assert.ok(
    told.changes.some((one: { is: string; line: string }) => one.is === 'gone' && /^s\.test TXT v=spf1/.test(one.line)),
  )
  assert.ok(Array.isArray(told.records) && told.records.length > 0 && told.findingChanges.length === 0)
})

test('a switch that cannot be meant is refused in the same words by explain and by simulate', () => {
  for (const [words, said] of [
    ['nobody:srs=no', 'Nobody here is called "nobody". There are: anna, s, old, new, bob.'],
    ['old:ssr=no', 'There is no switch "ssr": '],
    ['bob:srs=no', '"srs" is said of an agent, and bob is a person: '],
    ['old:trust=yes', 'Recipients trust, and MDAs for theirs: old is Receiver/Forwarder.'],
  ] as const)
    for (const verb of ['explain', 'simulate']) {
      const { status, stderr } = run(verb, FILE, '--what-if', words)
      assert.equal(status, 2, `${verb} ${words}`)
      assert.ok(stderr.startsWith(said), stderr)
    }
})
