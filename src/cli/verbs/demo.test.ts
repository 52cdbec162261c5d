// What the demo tells whoever starts it: the pages that it names are there.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const MAIN = join(import.meta.dirname, '..', 'main.ts')
const PAGES = join(import.meta.dirname, '..', '..', '..', 'web', 'dist', 'index.html')

test('the demo names its pages, and each answers', {
  skip: !existsSync(PAGES) && 'the pages are not built',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-'))
  const child = spawn(process.execPath, [MAIN, 'demo', '--folder', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  try {
    let said = ''
    const isReady = new Promise<void>((resolve) => {
      child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text
        if (said.includes('Ctrl-C stops it')) resolve()
      })
    })
    await Promise.race([isReady, ended])
    const pages = [...said.matchAll(/^ {2}(http:\S+\/(\w+)) /gm)]
    assert.deepEqual(
      pages.map(([, , name]) => name),
      ['mail', 'live', 'lab', 'trace'],
    )
    for (const [, url] of pages) assert.equal((await fetch(url!)).status, 200, url!)
  } finally {
    child.kill('SIGINT')
    await ended
    rmSync(folder, { recursive: true })
  }
})
