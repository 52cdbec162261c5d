import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import solid from 'vite-plugin-solid'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What the lab's engine finds in a browser in place of what Node has, and of libraries that only Node runs. */
const PLATFORM: Readonly<Record<string, string>> = {
  '(?:node:)?buffer': 'buffer',
  'node:crypto': 'crypto',
  'node:net': 'net',
  '(?:node:)?string_decoder': 'string-decoder',
  'node:url': 'url',
  'node:zlib': 'zlib',
  '@node-rs/argon2': 'argon2',
  'node:sqlite|(?:node:)?(?:events|util)|@simplewebauthn/server(?:/helpers)?|jose|ldapts|otpauth': 'absent',
}

/** Pages of their own, that may be hosted as static files in any folder: they name everything relative to themselves. */
const ALONE = ['lab', 'trace'].filter((name) => existsSync(here(`${name}/index.html`)))
const inputOf = (name: string) => [name, here(`${name}/index.html`)] as const

// The pages, built to web/dist; src/web/server.ts serves them. `--mode static` builds only those for any web server, to
// web/static. While writing them: `npx vite web` passes what is not a page on to a running `borderpost demo`.
export default defineConfig(({ mode }) => ({
  plugins: [solid()],
  resolve: {
    alias: [
      ...Object.entries(PLATFORM).map(([names, file]) => ({
        find: new RegExp(`^(?:${names})$`),
        replacement: here(`src/lab/engine/platform/${file}.ts`),
      })),
      // The libraries, not Node's own of the same names.
      { find: /^buffer\/$/, replacement: here('../node_modules/buffer/index.js') },
      { find: /^punycode\/$/, replacement: here('../node_modules/punycode/punycode.es6.js') },
    ],
  },
  build: {
    outDir: mode === 'static' ? 'static' : 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined data: images are allowed by the page's policy, inlined scripts are not.
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: Object.fromEntries([
        ...(mode === 'static' ? [] : [['main', here('index.html')] as const]),
        ...ALONE.map(inputOf),
      ]),
    },
  },
  // The other pages are one program at many paths, and name everything from the root.
  experimental: {
    renderBuiltUrl: (name, { hostId, hostType }) => {
      if (hostType !== 'html') return { relative: true }
      return hostId === 'index.html' ? undefined : `../${name}`
    },
  },
  worker: { format: 'es' },
  server: {
    proxy: { '/api': 'http://localhost:8080', '/jmap': 'http://localhost:8080' },
    fs: { allow: [here('..')] },
  },
}))
