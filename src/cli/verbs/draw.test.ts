import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { layout } from '../../notation/layout.ts'
import { parse } from '../../notation/parse.ts'

const ROOT = join(import.meta.dirname, '../../..')
const TEXT =
  "|- Sender's -| |- Recipient's -| / Author ==> MSA/Transmitter*3 --> / --> Receiver/MDA@r ==> Recipient / Border\n"

function draw(text: string, ...options: string[]) {
  const command = [join(ROOT, 'bin', 'borderpost.js'), 'draw', '-', ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { input: text, maxBuffer: 1 << 28 })
  return { status, stdout, stderr: String(stderr) }
}

/** RFC 2083, for what is written here: eight bits a channel, not interlaced. */
function decode(png: Buffer) {
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n')
  const parts: Buffer[] = []
  let width = 0
  let height = 0
  let channels = 0
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at)
    const type = png.toString('latin1', at + 4, at + 8)
    const data = png.subarray(at + 8, at + 8 + size)
    if (type === 'IHDR') {
      width = data.readUInt32BE(0)
      height = data.readUInt32BE(4)
      assert.deepEqual([data[8], data[12]], [8, 0])
      channels = { 2: 3, 6: 4 }[data[9]!]!
    }
    if (type === 'IDAT') parts.push(data)
    at += size + 12
  }
  const raw = inflateSync(Buffer.concat(parts))
  const row = width * channels
  const pixels = Buffer.alloc(row * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)]!
    for (let x = 0; x < row; x++) {
      const left = x >= channels ? pixels[y * row + x - channels]! : 0
      const up = y > 0 ? pixels[(y - 1) * row + x]! : 0
      const corner = y > 0 && x >= channels ? pixels[(y - 1) * row + x - channels]! : 0
      const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)]
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner
      const guess = [0, left, up, (left + up) >> 1, paeth][filter]!
      pixels[y * row + x] = (raw[y * (row + 1) + 1 + x]! + guess) & 255
    }
  }
  const at = (x: number, y: number) => [...pixels.subarray((y * width + x) * channels, (y * width + x) * channels + 3)]
  return { width, height, at }
}

const near = (a: number[], b: number[]) => a.every((value, k) => Math.abs(value - b[k]!) < 24)
const colour = (hex: string) => [1, 3, 5].map((k) => Number.parseInt(hex.slice(k, k + 2), 16))

for (const [theme, paper, ink, border] of [
  ['light', '#ffffff', '#18212f', '#c2410c'],
  ['dark', '#10151d', '#e6ebf2', '#fb923c'],
] as const)
  test(`a PNG shows the picture: its paper, its letters, its Border (${theme})`, () => {
    const picture = layout(parse(TEXT).model)
    const { status, stdout } = draw(TEXT, '-f', 'png', '--theme', theme, '--scale', '2')
    assert.equal(status, 0)
    const { width, height, at } = decode(stdout)
    assert.ok(width >= picture.width * 2 && height >= picture.height * 2)
    assert.ok(near(at(1, 1), colour(paper)))
    const count = (x: number, y: number, w: number, h: number, hex: string) => {
      let found = 0
      for (let j = Math.floor(y * 2); j < (y + h) * 2; j++)
        for (let i = Math.floor(x * 2); i < (x + w) * 2; i++) if (near(at(i, j), colour(hex))) found++
      return found
    }
    // Every block has letters in it, which needs a font.
    for (const { x, y, width: w, height: h, id } of picture.blocks) assert.ok(count(x, y, w, h, ink) > 100, id)
    const { from, to } = picture.borders[0]!
    assert.ok(count(to[0], from[1], from[0] - to[0], to[1] - from[1], border) > 100)
    assert.equal(count(0, 0, 20, 20, ink), 0)
  })

test('a PNG of a machine without fonts is the same', { skip: process.getuid?.() !== 0 && 'needs root' }, (t) => {
  const bare =
    'for d in /usr/share/fonts /usr/local/share/fonts /etc/fonts; do [ ! -d $d ] || mount -t tmpfs none $d; done; exec "$@"'
  const command = [process.execPath, join(ROOT, 'bin', 'borderpost.js'), 'draw', '-', '-f', 'png']
  const { status, stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', bare, 'sh', ...command], {
    input: TEXT,
    maxBuffer: 1 << 28,
  })
  if (status !== 0 && /unshare|mount/.test(String(stderr))) return t.skip('no mount namespaces here')
  assert.equal(status, 0, String(stderr))
  assert.ok(stdout.equals(draw(TEXT, '-f', 'png').stdout))
})

test('a picture too large for a PNG is made smaller', () => {
  const wide = `${Array.from({ length: 200 }, (_, k) => `MDA@m${k}`).join(' ==> ')}\n`
  const { width, height } = decode(draw(wide, '-f', 'png', '--scale', '8').stdout)
  assert.ok(width <= 16_384 && width > 16_000 && height > 10)
})

test('what cannot be drawn so is said, with the exit code for it', () => {
  assert.deepEqual([draw(TEXT, '-f', 'gif').status, draw(TEXT, '--theme', 'pink').status], [2, 2])
  assert.match(draw(TEXT, '-f', 'gif').stderr, /A format is svg, png, text, json, mermaid/)
  assert.equal(draw(TEXT, '-f', 'png', '--scale', '0').status, 2)
  assert.equal(String(draw(TEXT, '--theme', 'dark').stdout).includes('prefers-color-scheme'), false)
})
