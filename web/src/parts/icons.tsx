// The icons, 20 by 20, one stroke each. Decoration only: what they mean is said in text or a label.

const PATHS = {
  inbox: 'M3 12v4a1 1 0 0 0 1 1h12a1 1 0 0 0 1-1v-4M3 12l2.5-8h9l2.5 8M3 12h4a3 3 0 0 0 6 0h4',
  drafts: 'M4 16l1-4 8.5-8.5 3 3L8 15z M12 5l3 3',
  sent: 'M17 3 3 8.5l6 2.5 2.5 6z M17 3l-8 8',
  archive: 'M3 4h14v4H3z M4.5 8v8h11V8 M8 11.5h4',
  junk: 'M10 3l7 13H3z M10 8v4 M10 14.2v.1',
  trash: 'M4 6h12 M8 6V4h4v2 M6 6l.8 11h6.4L14 6',
  folder: 'M3 5h5l2 2h7v9H3z',
  star: 'M10 3l2.1 4.6 5 .5-3.8 3.3 1.1 4.9L10 13.8l-4.4 2.5 1.1-4.9L2.9 8.1l5-.5z',
  clip: 'M14.5 9.5l-5 5a3 3 0 0 1-4.2-4.2l6-6a2 2 0 0 1 2.9 2.9l-5.8 5.8a1 1 0 0 1-1.4-1.4l5-5',
  reply: 'M8 5 3 10l5 5 M3.5 10H12a5 5 0 0 1 5 5',
  replyAll: 'M6 5 1.5 10 6 15 M11 5l-5 5 5 5 M6.5 10H13a5 5 0 0 1 5 5',
  forward: 'M12 5l5 5-5 5 M16.5 10H8a5 5 0 0 0-5 5',
  search: 'M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11z M13 13l4 4',
  pen: 'M4 16l1-4 8.5-8.5 3 3L8 15z',
  close: 'M5 5l10 10 M15 5 5 15',
  back: 'M12 4l-6 6 6 6',
  menu: 'M3 5h14 M3 10h14 M3 15h14',
  settings: 'M3 6h8 M15 6h2 M3 14h2 M9 14h8 M13 4v4 M7 12v4',
  mail: 'M3 5h14v10H3z M3 5.5l7 5.5 7-5.5',
  unread: 'M3 7l7-4 7 4v9H3z M3 7.5l7 4.5 7-4.5',
  path: 'M5 13.5a2 2 0 1 0 .01 0z M15 2.5a2 2 0 1 0 .01 0z M7 15.5h5a2.75 2.75 0 0 0 0-5.5H8a2.75 2.75 0 0 1 0-5.5h5',
  download: 'M10 3v9 M6 9l4 4 4-4 M4 16h12',
  check: 'M4 10.5l4 4 8-9',
  cross: 'M6 6l8 8 M14 6l-8 8',
  dash: 'M5 10h10',
  minimise: 'M5 14h10',
  out: 'M8 4H4v12h4 M8 10h9 M13 6l4 4-4 4',
  move: 'M3 5h5l2 2h7v9H3z M8 11.5h5 M11 9.5l2 2-2 2',
  plus: 'M10 5v10 M5 10h10',
  gallery: 'M3 4h6v5H3z M11 4h6v5h-6z M3 11h6v5H3z M11 11h6v5h-6z',
  share: 'M10 12V3 M6.5 6.5 10 3l3.5 3.5 M5 10v6h10v-6',
  play: 'M6 4l10 6-10 6z',
  pause: 'M7 4v12 M13 4v12',
  stepOn: 'M5 4l8 6-8 6z M15 4v12',
  stepBack: 'M15 4l-8 6 8 6z M5 4v12',
  lab: 'M8 3h4 M9 3v5l-5 8h12l-5-8V3 M6 12.5h8',
  people:
    'M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z M2 16.5a5.5 5.5 0 0 1 11 0 M13 4a3 3 0 0 1 0 5.5 M15 11.5a5.5 5.5 0 0 1 3 5',
} as const
export type IconName = keyof typeof PATHS

export function Icon(props: { name: IconName; filled?: boolean }) {
  return (
    <svg class="icon" classList={{ filled: props.filled ?? false }} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[props.name]} />
    </svg>
  )
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect x="1" y="5" width="30" height="22" rx="6" class="logo-box" />
      <path d="M20 1 12 31" class="logo-gap" />
      <path d="M20 1 12 31" class="logo-border" />
    </svg>
  )
}
