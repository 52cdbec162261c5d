// An encrypted store that nodes share: nothing that a person wrote can be read in PostgreSQL, in S3, or on a node's disk.

import assert from 'node:assert/strict'
import { testS3 } from '../../world/testing/s3.ts'
import type { World } from '../../world/world.ts'
import { unlocked } from '../encryption.ts'
import { deliver, makeAccount, summary } from '../testing.ts'
import { contentOf } from '../testing-life.ts'
import { shareView } from './snapshot.ts'
import { keys, newNode, postgres, sharedTest } from './testing.ts'

const NAME = 'encrypted: nothing can be read in the database, in S3, in a folder; every node needs the one key'
const WORDS = ['wombat', 'marsupials', 'private.test']

/** Every file of the node's store. */
async function filesOf({ disk }: World, folder = 'store'): Promise<Buffer[]> {
  const found: Buffer[] = []
  for (const name of await disk.list(folder)) {
    if (name === 'lock.db') continue
    const path = `${folder}/${name}`
    const bytes = await disk.readFile(path).catch(() => undefined)
    found.push(...(bytes === undefined ? await filesOf({ disk } as World, path) : [bytes]))
  }
  return found
}

sharedTest(NAME, async (open) => {
  const s3 = await testS3(keys)
  try {
    const first = newNode()
    await first.disk.writeFile('store.key', Buffer.from('ab'.repeat(32)))
    const encrypted = (world: World) => unlocked(world, 'store', 'folder')
    const one = await open(await encrypted(first), s3.url)
    const bob = await makeAccount(one, 'bob@private.test')
    for (let n = 0; n < 30; n++)
      await deliver(one, bob, `The wombat came ${n}`, { summary: summary({ subject: 'marsupials' }) })
    await shareView((await encrypted(first)).disk, one.log, 'store/store.db')
    await deliver(one, bob, 'The wombat came late')
    const second = newNode()
    await second.disk.writeFile('store.key', Buffer.from('ab'.repeat(32)))
    const two = await open(await encrypted(second), s3.url)
    assert.deepEqual(contentOf(two.database), contentOf(one.database))
    const [newest] = two.emails(bob, two.listEmails(bob, {}, 'newest'))
    assert.match(String(await two.readBlob(newest!.blob)), /The wombat came/)
    // Read from S3, and kept on this node's disk.
    for (const id of two.listEmails(bob, {}, 'newest')) await two.readBlob(two.email(bob, id)!.blob)
    await two.close()
    const kept: Uint8Array[] = [...s3.objects.values()].map((bytes) => Buffer.from(bytes))
    kept.push(...(await filesOf(second)))
    for (const table of ['borderpost_journal', 'borderpost_body', 'borderpost_snapshot', 'borderpost_shard']) {
      const rows = await first
        .postgres(postgres!.url)
        .query(`SELECT * FROM ${table} WHERE shard = $1`, [
          'encrypted: nothing can be read in the database, in S3, in a folder; every node needs the one key',
        ])
      assert.ok(rows.length > 0, table)
      for (const row of rows)
        kept.push(
          ...Object.values(row)
            .flat()
            .map((value) => Buffer.from(value instanceof Buffer ? value : String(value))),
        )
    }
    for (const bytes of kept) for (const word of WORDS) assert.ok(!Buffer.from(bytes).includes(word), word)
    const other = newNode()
    await other.disk.writeFile('store.key', Buffer.from('cd'.repeat(32)))
    await assert.rejects(
      open(await encrypted(other), s3.url),
      /is encrypted with the key [0-9a-f]{8}, and here is only/,
    )
    await assert.rejects(open(newNode(), s3.url), /is encrypted, and encrypt= is not set here/)
  } finally {
    await s3.end()
  }
})
