// Activation functions y = f(x) and their gradients dx = f'(x) · dy, chosen by the parameter ACTIVATION.
// NaN goes in, NaN comes out. Functions only; other kernels' texts follow this one.
// Error, in units of the result's last place where not said otherwise, with exp exact to 3 + 2|x|:
// relu, leakyRelu, step: exact or 1; sigmoid 6 + 2|x|; tanh 8; softplus 8 + 2|x|; gelu 1.2e-7 relative in erfc
// (W. H. Press et al., Numerical Recipes, section 6.2: Chebyshev fit of erfc).

// 1 / (1 + e^-x) from e^-|x|, which never overflows.
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(1.0, e, x < 0.0) / (1.0 + e);
}

// log(1 + e) for 0 ≤ e ≤ 1 as 2·atanh(e / (2 + e)), by its series; no cancellation for small e.
fn log_one_plus(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let z = s * s;
  let tail = 1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z * (1.0 / 15.0)));
  return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * tail))));
}

// Series below 0.4, where 1 - e^-2|x| would cancel.
fn hyperbolic_tangent(x: f32) -> f32 {
  let z = x * x;
  let tail = -17.0 / 315.0 + z * (62.0 / 2835.0 + z * (-1382.0 / 155925.0 + z * (21844.0 / 6081075.0)));
  let small = x * (1.0 + z * (-1.0 / 3.0 + z * (2.0 / 15.0 + z * tail)));
  let e = exp(-2.0 * abs(x));
  let large = (1.0 - e) / (1.0 + e);
  return select(select(large, -large, x < 0.0), small, abs(x) < 0.4);
}

// The standard normal distribution function, erfc(-x / √2) / 2.
fn normal_distribution(x: f32) -> f32 {
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.5 * z);
  let c1 = -0.82215223 + t * 0.17087277;
  let c2 = -1.13520398 + t * (1.48851587 + t * c1);
  let c3 = 0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * c2));
  let polynomial = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * c3));
  let half_erfc = 0.5 * t * exp(-z * z + polynomial);
  return select(1.0 - half_erfc, half_erfc, x < 0.0);
}

fn activate(x: f32) -> f32 {
//# if ACTIVATION == linear
  return x;
//# end
//# if ACTIVATION == relu
  return select(x, 0.0, x < 0.0);
//# end
//# if ACTIVATION == leakyRelu
  return select(x, 0.01 * x, x < 0.0);
//# end
//# if ACTIVATION == sigmoid
  return sigmoid(x);
//# end
//# if ACTIVATION == tanh
  return hyperbolic_tangent(x);
//# end
//# if ACTIVATION == step
  return select(select(0.0, 1.0, x > 0.0), x, is_nan(x));
//# end
//# if ACTIVATION == softplus
  return select(max(x, 0.0) + log_one_plus(exp(-abs(x))), x, is_nan(x));
//# end
//# if ACTIVATION == gelu
  return x * normal_distribution(x);
//# end
}

// `saved` is y, or x for softplus and gelu, whose gradient is not a simple function of y.
fn activation_gradient(saved: f32, dy: f32) -> f32 {
//# if ACTIVATION == linear
  let dx = dy;
//# end
//# if ACTIVATION == relu
  let dx = select(dy, 0.0, saved <= 0.0);
//# end
//# if ACTIVATION == leakyRelu
  let dx = select(dy, 0.01 * dy, saved <= 0.0);
//# end
//# if ACTIVATION == sigmoid
  let dx = dy * saved * (1.0 - saved);
//# end
//# if ACTIVATION == tanh
  let dx = dy * (1.0 - saved) * (1.0 + saved);
//# end
//# if ACTIVATION == step
  let dx = 0.0 * dy;
//# end
//# if ACTIVATION == softplus
  let dx = dy * sigmoid(saved);
//# end
//# if ACTIVATION == gelu
  let density = 0.3989422804014327 * exp(-0.5 * saved * saved);
  let dx = dy * (normal_distribution(saved) + saved * density);
//# end
  return select(select(dx, dy, is_nan(dy)), saved, is_nan(saved)); // where the slope is 0, too
}
