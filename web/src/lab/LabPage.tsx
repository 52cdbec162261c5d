// The lab: write an email system in a line of text, see it, be told its weak points, and watch what happens to its mail.
// Everything is computed in the browser.

import { createEffect, createMemo, createSignal, onCleanup, onMount, Show } from 'solid-js'
import { describe } from '../../../src/notation/describe.ts'
import { byPlace } from '../../../src/notation/findings.ts'
import { format, type Style } from '../../../src/notation/format.ts'
import { hover } from '../../../src/notation/hover.ts'
import { isPlain, mend } from '../../../src/notation/mend.ts'
import type { Finding, Fix } from '../../../src/notation/model.ts'
import { plural } from '../format.ts'
import { AloneBar } from '../parts/AloneBar.tsx'
import { Icon } from '../parts/icons.tsx'
import { Day } from './Day.tsx'
import { keepDraft, keptDraft } from './draft.ts'
import { Duties, Trust, Words } from './Explain.tsx'
import { Export } from './Export.tsx'
import { Editor, type EditorHandle } from './editor/Editor.tsx'
import { Findings } from './Findings.tsx'
import { Gallery } from './Gallery.tsx'
import { type Example, GALLERY, WELCOME } from './gallery.ts'
import { Legend } from './Legend.tsx'
import { createMail } from './mail.ts'
import { Picture } from './Picture.tsx'
import { placeAt } from './place.ts'
import { MAX_TEXT } from './reading.ts'
import { Run, type RunHandle } from './run/Run.tsx'
import { Share } from './Share.tsx'
import { Survival } from './Survival.tsx'
import { fragmentOf, textOf } from './share.ts'
import { createLab } from './state.ts'
import { Tabs } from './Tabs.tsx'

type Open = 'gallery' | 'share' | 'export'

/** So long what was done stands below. */
const SAID_MS = 7000

export function LabPage() {
  const start = beginning()
  const lab = createLab(start.text)
  const [open, setOpen] = createSignal<Open>()
  const [tab, setTab] = createSignal('mail')
  const [said, setSaid] = createSignal(start.fault ?? '')
  createEffect(() => {
    if (said() === '') return
    const timer = setTimeout(() => setSaid(''), SAID_MS)
    onCleanup(() => clearTimeout(timer))
  })
  const [svg, setSvg] = createSignal<SVGSVGElement>()
  const mail = createMail(
    () => lab.settled().reading.text,
    () => lab.settled().reading.model.actors.map(({ id }) => id),
    () => tab() === 'mail',
  )
  let editor!: EditorHandle
  let player!: RunHandle
  let seeing!: HTMLElement

  const model = () => lab.reading().model
  /** Also what keeps it from running, where that was tried. */
  const findings = createMemo(() => {
    const { reading, explanation } = lab.settled()
    const refusal = mail.refusal()
    const more = refusal?.text === reading.text ? refusal.findings : []
    const isNew = ({ code, span }: Finding) =>
      !explanation.findings.some((known) => known.code === code && known.span.start === span.start)
    return [...explanation.findings, ...more.filter(isNew)].sort(byPlace)
  })
  const plain = () => lab.settled().explanation.findings.filter(isPlain).length
  const here = createMemo(() => hover(lab.reading().text, lab.caret()))
  const form = (): Style => (model().diagrams.some(({ form: one }) => one === 'drawn') ? 'drawn' : 'flat')

  function choose(example: Example): void {
    setOpen(undefined)
    editor.replace(example.text)
    editor.goTo(0)
    lab.settle()
  }
  function remedy(finding: Finding, fix: Fix): void {
    const now = lab.isSettled() ? fix : lab.current(finding, fix)
    if (now === undefined) {
      setSaid('This is not in the text any more.')
      return
    }
    editor.apply(now.edits)
    lab.settle()
    setSaid(`${fix.label}: done. ${heard()}`)
  }
  function mendAll(): void {
    const { text, mended } = mend(lab.reading().text)
    editor.replace(text)
    lab.settle()
    setSaid(`${plural(mended.length, 'remedy', 'remedies')} applied. ${heard()}`)
  }
  function write(line: string): void {
    const { text } = lab.reading()
    const at = { start: text.length, end: text.length, line: 1, column: 1 }
    editor.apply([{ span: at, text: `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n` }])
    editor.goTo(lab.reading().text.length - 1)
    lab.settle()
  }
  function tidy(style?: Style): void {
    const text = format(model(), style)
    if (text === lab.reading().text) {
      setSaid(style === undefined ? 'It is in its normal form already.' : 'There is no other way to draw it.')
      return
    }
    editor.replace(text)
    lab.settle()
    setSaid(
      style === undefined
        ? 'Written in its normal form.'
        : `Written ${style === 'flat' ? 'on one line' : 'as a drawing'}.`,
    )
  }
  const heard = () => {
    const count = findings().length
    return count === 0 ? 'No findings.' : `${plural(count, 'finding')}.`
  }
  function run(flow: number): void {
    setTab('run')
    player.run(flow)
    // Where picture and text stand below each other, one of them is out of sight.
    if (seeing.getBoundingClientRect().top > innerHeight / 2) seeing.scrollIntoView()
  }
  const goTo = ({ span }: Finding) => editor.goTo(span.start, span.end)
  const goToBlock = (id: string) => {
    const block = model().blocks.find((one) => one.id === id)
    if (block !== undefined) editor.goTo(block.span.start, block.span.end)
  }

  onMount(() => {
    const onHash = () => {
      const shared = sharedText()
      if (shared === undefined) return
      if ('fault' in shared) setSaid(shared.fault)
      else {
        editor.replace(shared.text)
        lab.settle()
      }
    }
    addEventListener('hashchange', onHash)
    onCleanup(() => removeEventListener('hashchange', onHash))
  })

  return (
    <>
      <a class="skip" href="#description">
        To the description
      </a>
      <AloneBar here="/lab" />
      <main class="lab">
        <header class="lab-head">
          <div>
            <h1>The lab</h1>
            <p class="lead">Write an email system in a line. See it, and see what becomes of the mail.</p>
          </div>
          <div class="row lab-actions">
            <button type="button" class="primary" onClick={() => run(1)}>
              <Icon name="play" /> Run it
            </button>
            <button type="button" onClick={() => setOpen('gallery')}>
              <Icon name="gallery" /> Gallery
            </button>
            <button type="button" onClick={() => setOpen('share')}>
              <Icon name="share" /> Share
            </button>
            <button type="button" onClick={() => setOpen('export')}>
              <Icon name="download" /> Export
            </button>
          </div>
        </header>
        <div class="lab-columns">
          <section class="writing" id="description" aria-label="Description" tabindex="-1">
            <div class="panel">
              <div class="panel-head">
                <h2>Description</h2>
                <div class="row tools">
                  <button type="button" class="plain" title="Undo (Ctrl+Z)" onClick={() => editor.undo()}>
                    Undo
                  </button>
                  <button type="button" class="plain" title="Redo (Ctrl+Y)" onClick={() => editor.redo()}>
                    Redo
                  </button>
                  <button type="button" class="plain" title="Normal spelling (Shift+Alt+F)" onClick={() => tidy()}>
                    Tidy
                  </button>
                  <button
                    type="button"
                    class="plain"
                    onClick={() => tidy(form() === 'drawn' ? 'flat' : 'drawn')}
                    title={form() === 'drawn' ? 'Write each flow on one line' : 'Write it as a drawing'}
                  >
                    {form() === 'drawn' ? 'On one line' : 'As a drawing'}
                  </button>
                </div>
              </div>
              <Editor
                initial={start.text}
                onRead={(reading) => {
                  lab.setReading(reading)
                  keepDraft(reading.text)
                  forgetLink(reading.text)
                }}
                onCaret={lab.setCaret}
                onRemedy={remedy}
                onFormat={() => tidy()}
                onTooLong={() => setSaid(`The lab takes at most ${MAX_TEXT.toLocaleString()} characters.`)}
                findings={lab.isSettled() ? findings() : undefined}
                handle={(handle) => {
                  editor = handle
                }}
              />
              {/* What the pointer is told in the text, for the caret. */}
              <p class="here" id="here">
                <Show
                  when={here()}
                  fallback={<span class="quiet">Ctrl+Space completes; Ctrl+. applies a remedy.</span>}
                >
                  {(found) => (
                    <>
                      <strong>{found().title}</strong> {found().says}
                    </>
                  )}
                </Show>
              </p>
            </div>
            <Legend model={lab.settled().reading.model} />
            <Findings findings={findings()} plain={plain()} onGo={goTo} onRemedy={remedy} onMend={mendAll} />
          </section>
          <section
            class="seeing"
            classList={{ running: tab() === 'run' }}
            ref={seeing}
            aria-label="Picture and explanation"
          >
            <Picture
              svg={lab.picture()}
              isDrawn={lab.isDrawn()}
              marked={placeAt(model(), lab.caret())}
              words={describe(model())}
              onChoose={goToBlock}
              layers={lab.layers()}
              shownLayers={lab.shownLayers()}
              onLayer={lab.toggleLayer}
              onDrawn={setSvg}
            />
            <Tabs
              label="What is known of this system"
              open={tab()}
              onOpen={setTab}
              tabs={[
                {
                  id: 'mail',
                  title: 'What becomes of mail',
                  content: () => (
                    <Survival
                      mail={mail}
                      text={lab.reading().text}
                      actors={lab.settled().reading.model.actors}
                      onGo={goTo}
                      onRun={run}
                    />
                  ),
                },
                {
                  id: 'run',
                  title: 'Run it',
                  content: () => (
                    <Run
                      mail={mail}
                      model={model()}
                      svg={svg()}
                      isOpen={tab() === 'run'}
                      onGo={goTo}
                      handle={(handle) => {
                        player = handle
                      }}
                    />
                  ),
                },
                {
                  id: 'day',
                  title: 'A day of mail',
                  content: () => <Day mail={mail} text={lab.reading().text} onGo={goTo} />,
                },
                {
                  id: 'duties',
                  title: 'Duties',
                  content: () => <Duties explanation={lab.settled().explanation} />,
                },
                {
                  id: 'trust',
                  title: 'Trust',
                  content: () => <Trust explanation={lab.settled().explanation} onWrite={write} />,
                },
                {
                  id: 'words',
                  title: 'In words',
                  content: () => (
                    <Words
                      explanation={lab.settled().explanation}
                      model={lab.settled().reading.model}
                      onGo={(offset) => editor.goTo(offset)}
                    />
                  ),
                },
              ]}
            />
          </section>
        </div>
        <p class="toast" role="status">
          {said()}
        </p>
        <p class="hidden" role="status">
          {lab.isSettled() ? heard() : ''}
        </p>
      </main>
      <Show when={open() === 'gallery'}>
        <Gallery onChoose={choose} onClose={() => setOpen(undefined)} />
      </Show>
      <Show when={open() === 'share'}>
        <Share
          link={`${location.href.replace(/#.*$/, '')}${fragmentOf(lab.reading().text)}`}
          onClose={() => setOpen(undefined)}
        />
      </Show>
      <Show when={open() === 'export'}>
        <Export model={model()} onSaid={setSaid} onClose={() => setOpen(undefined)} />
      </Show>
    </>
  )
}

/** What the link says, what was written here the last time, or a system to begin with. */
function beginning(): { text: string; fault?: string } {
  const shared = sharedText()
  const welcome = GALLERY.find(({ name }) => name === WELCOME)!.text
  const kept = keptDraft() ?? welcome
  if (shared === undefined) return { text: kept }
  return 'fault' in shared ? { text: kept, fault: shared.fault } : shared
}

/** A link that says something else than what is written now would bring the old text back when the page is loaded again. */
function forgetLink(text: string): void {
  const shared = sharedText()
  if (shared !== undefined && !('fault' in shared) && shared.text !== text)
    history.replaceState(null, '', location.pathname + location.search)
}

/** `#d=…` a description, `#gallery=NAME` one of the gallery. */
function sharedText(): ReturnType<typeof textOf> {
  const name = /^#gallery=([\w-]+)$/.exec(location.hash)?.[1]
  if (name === undefined) return textOf(location.hash)
  const example = GALLERY.find((one) => one.name === name)
  return example ?? { fault: `There is no "${name}" in the gallery.` }
}
