import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import solid from 'vite-plugin-solid'

const page = (path: string) => fileURLToPath(new URL(path, import.meta.url))

// The pages, built to web/dist; src/web/server.ts serves them. While writing them: `npx vite web` passes
// what is not a page on to a running `borderpost demo`.
export default defineConfig({
  plugins: [solid()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined data: images are allowed by the page's policy, inlined scripts are not.
    modulePreload: { polyfill: false },
    rollupOptions: { input: { main: page('index.html'), lab: page('lab/index.html') } },
  },
  // The lab may be hosted as static files in any folder: it names everything relative to itself. The other pages are one
  // program at many paths, and name everything from the root.
  experimental: {
    renderBuiltUrl: (name, { hostId, hostType }) => {
      if (hostType !== 'html') return { relative: true }
      return hostId === 'lab/index.html' ? `../${name}` : undefined
    },
  },
  server: {
    proxy: { '/api': 'http://localhost:8080', '/jmap': 'http://localhost:8080' },
    fs: { allow: [page('..')] },
  },
})
