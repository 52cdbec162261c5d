// The bar of the pages that may stand alone, as static files: the other pages are there only where a running Borderpost
// serves this one.

import { createSignal, onMount, Show } from 'solid-js'
import { Logo } from './icons.tsx'
import { TopBar } from './TopBar.tsx'

const ALONE = [
  { here: '/lab', name: 'Lab' },
  { here: '/trace', name: 'Trace' },
] as const

export function AloneBar(props: { here: (typeof ALONE)[number]['here'] }) {
  const [isServed, setIsServed] = createSignal(false)
  onMount(async () => {
    // `npm run build:lab`: for hosts that are none.
    if (import.meta.env.MODE === 'static') return
    const response = await fetch('../api/welcome').catch(() => undefined)
    setIsServed(response?.ok === true && response.headers.get('content-type')?.includes('json') === true)
  })
  return (
    <Show
      when={isServed()}
      fallback={
        <header class="top-bar">
          <span class="brand">
            <Logo /> Borderpost
          </span>
          <nav aria-label="Pages">
            {ALONE.map(({ here, name }) => (
              <a href={`..${here}/`} aria-current={props.here === here ? 'page' : undefined}>
                {name}
              </a>
            ))}
          </nav>
        </header>
      }
    >
      <TopBar here={props.here} />
    </Show>
  )
}
