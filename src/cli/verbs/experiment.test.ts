import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const MAIN = join(import.meta.dirname, '..', 'main.ts')
const STUDY = `
title: Who signs
question: Does a forgery arrive?
system: |
  Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/MDA@new ==> Recipient@bob

  new: domain=new.test, filter=no
mix: { honest: 50, forged: 50 }
forge: [sender]
messages: 20
axis: { name: nothing, values: [0] }
series:
  - { name: p=none, switches: 'sender:dmarc=none, sender:spf=no' }
  - { name: p=reject, switches: 'sender:dmarc=reject' }
measures:
  - { name: Forgeries in an inbox, sum: [forged.inbox], of: [forged.sent] }
shows: That DMARC helps.
limits: Everything else.
`

test('an experiment is run from a file, and its table and plot are written beside it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'experiment-'))
  const file = join(folder, 'study.yaml')
  try {
    writeFileSync(file, STUDY)
    const said = execFileSync(process.execPath, [MAIN, 'experiment', file], { encoding: 'utf8' })
    assert.match(said, /^Does a forgery arrive\?\n\nWho signs\n/)
    assert.match(said, /\n +0 +100 +0\n/)
    assert.match(said, /\nWhat it does not show: Everything else\.\n/)
    assert.equal(
      readFileSync(join(folder, 'study.csv'), 'utf8'),
      'series,x,Forgeries in an inbox\np=none,0,100\np=reject,0,0\n',
    )
    assert.match(readFileSync(join(folder, 'study.svg'), 'utf8'), /<title>Who signs<\/title>/)
    const more = execFileSync(process.execPath, [MAIN, 'experiment', file, '--repeats', '2'], { encoding: 'utf8' })
    assert.match(more, /\n +0 +100 ± 0 +0 ± 0\n/)
    assert.equal(
      readFileSync(join(folder, 'study.csv'), 'utf8'),
      'series,x,Forgeries in an inbox,Forgeries in an inbox (±)\np=none,0,100,0\np=reject,0,0,0\n',
    )
    assert.match(
      spawnSync(process.execPath, [MAIN, 'experiment', file, '--repeats', 'many'], { encoding: 'utf8' }).stderr,
      /--repeats a whole number above 0/,
    )
    writeFileSync(file, STUDY.replace('forged: 50', 'forgd: 50'))
    const wrong = spawnSync(process.execPath, [MAIN, 'experiment', file], { encoding: 'utf8' })
    assert.equal(wrong.status, 3)
    assert.match(wrong.stderr, /study\.yaml: line \d+: mix\.forgd: write one of honest, /)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
