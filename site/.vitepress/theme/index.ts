import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import Live from '../../live/Live.vue';
import Program from '../../live/Program.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('Live', Live);
    app.component('Program', Program);
  },
} satisfies Theme;
