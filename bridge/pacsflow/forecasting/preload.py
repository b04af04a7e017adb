"""What a worker needs, imported once before workers are forked."""

import statsmodels.tsa.arima.estimators.hannan_rissanen
import statsmodels.tsa.seasonal
import statsmodels.tsa.statespace.sarimax
import statsmodels.tsa.stattools  # noqa: F401

import pacsflow.forecasting.batch  # noqa: F401
