import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openStore } from '../../store/embedded.ts'
import { contentOf, liveSome } from '../../store/testing-life.ts'
import { worldOf } from '../agents-in.ts'
import { backup, rebuild, restore, verify } from './store.ts'

/** The exit code and what was printed. */
async function say(verb: (print: (text: string) => void) => Promise<number>): Promise<[number, string]> {
  let text = ''
  const code = await verb((more) => {
    text += more
  })
  return [code, text]
}

test('an agent is backed up while it runs, loses its database, is rebuilt; another place gets the backup', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-care-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const complaints: string[] = []
  t.mock.method(console, 'error', (text: string) => complaints.push(text))
  const [agent, kept, elsewhere] = [join(folder, 'MDA@here'), join(folder, 'kept'), join(folder, 'elsewhere')]
  const store = await openStore(worldOf(agent))
  await liveSome(store, 12)
  const [, saved] = await say((print) => backup(agent, kept, print))
  assert.match(saved, /^MDA@here: backed up to record \d+; \d+ bytes were new\n$/)
  const before = contentOf(store.database)
  assert.match(
    (await say((print) => verify(folder, print)))[1],
    /^MDA@here: \d+ emails, \d+ bodies, .*\n {2}All is sound\.\n/,
  )
  assert.equal((await say((print) => rebuild(agent, print)))[0], 1)
  assert.match(complaints.join(), /is held by/)
  await store.close()

  for (const name of readdirSync(join(agent, 'store'))) {
    if (name.startsWith('store.db')) writeFileSync(join(agent, 'store', name), 'noise'.repeat(5000))
  }
  assert.equal((await say((print) => verify(agent, print)))[0], 1)
  const [code, rebuilt] = await say((print) => rebuild(agent, print))
  assert.deepEqual([code, /^MDA@here: \d+ emails, from the journal to \d+\n$/.test(rebuilt)], [0, true], rebuilt)
  const again = await openStore(worldOf(agent))
  assert.deepEqual(contentOf(again.database), before)
  await again.close()

  assert.equal((await say((print) => restore(kept, elsewhere, print)))[0], 0)
  const other = await openStore(worldOf(elsewhere))
  assert.deepEqual(contentOf(other.database), before)
  await other.close()
  assert.equal((await say((print) => verify(elsewhere, print)))[0], 0)
  assert.equal((await say((print) => verify(join(folder, 'nothing'), print)))[0], 2)
})
